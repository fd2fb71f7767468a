import { useData } from "../data";
import { ago, count } from "../format";
import { Link, Show, Status, Table, type Column } from "../parts";
import { type Alert, isWatchdog } from "./alerts";

export interface ServerRow {
  id: number;
  name: string;
  hostname: string;
  address: string;
  environment: string;
  collector_id: string;
  status: string;
  last_seen?: string;
}

const columns = (firing: (row: ServerRow) => Alert[]): Column<ServerRow>[] => [
  { name: "Server", value: (row) => row.name, show: (row) => <Link href={`/servers/${row.id}`}>{row.name}</Link> },
  { name: "Host", value: (row) => row.hostname, show: (row) => row.hostname },
  { name: "Environment", value: (row) => row.environment, show: (row) => row.environment || "–" },
  { name: "Collector", value: (row) => row.status, show: (row) => <Status of={row.status} /> },
  {
    name: "Alerts",
    number: true,
    value: (row) => firing(row).length,
    show: (row) => {
      const alerts = firing(row);
      return alerts.length ? <Link href="/alerts"><Status of={alerts[0].severity} /> {count(alerts.length)}</Link> : "0";
    },
  },
  { name: "Last seen", value: (row) => row.last_seen, show: (row) => ago(row.last_seen) },
  {
    name: "Look at",
    show: (row) => (
      <>
        <Link href={`/servers/${row.id}/activity`}>activity</Link> <Link href={`/servers/${row.id}/queries`}>queries</Link>{" "}
        <Link href={`/servers/${row.id}/tables`}>tables</Link>
      </>
    ),
  },
];

/** Every server, the silent ones first. */
export function Fleet() {
  const servers = useData<{ data: ServerRow[]; total: number }>("/api/v1/servers?page_size=100", 5);
  const alerts = useData<{ data: Alert[] }>("/api/v1/alerts?state=firing&page_size=100", 5);
  // The list has the worst first.
  const firing = (row: ServerRow) => alerts.data?.data.filter((one) => one.labels.server === row.name && !isWatchdog(one)) ?? [];
  const rank = (row: ServerRow) => ["offline", "late", "registered", "active"].indexOf(row.status);
  return (
    <Show of={servers}>
      {({ data, total }) => {
        const silent = data.filter((row) => row.status === "offline" || row.status === "late").length;
        return (
          <>
            <div class="head">
              <h1>Fleet</h1>
              <span class={silent ? "error" : "muted"}>
                {total} servers{silent ? `, ${silent} of them silent` : ", all heard from"}
              </span>
            </div>
            {total === 0 ? (
              <section class="card">
                <h2>Connect the first server</h2>
                <p>Make a registration secret (Collectors), and on the database's host run:</p>
                <pre class="sql">{`pganalytics collect --nodes ${location.origin} --registration-secret SECRET \\
  --dsn postgres://monitor@localhost/postgres`}</pre>
              </section>
            ) : (
              <Table id="fleet" rows={[...data].sort((a, b) => rank(a) - rank(b))} columns={columns(firing)} empty="No server." />
            )}
          </>
        );
      }}
    </Show>
  );
}
