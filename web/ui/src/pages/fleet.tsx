import { useEffect, useRef, useState } from "preact/hooks";
import { user } from "../api";
import { Connect } from "../connect";
import { MANY, useData, useList } from "../data";
import { ago, count, percent } from "../format";
import { Link, Show, Status } from "../parts";
import { ofSteps, type Point } from "../rates";
import { Spark } from "../spark";
import { Pager, partOf, Table, type Column } from "../table";
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

export interface Metrics {
  end_time: string;
  step_seconds: number;
  series: { column: string; database?: string; points: Point[] }[];
}

/** The same column of all databases, added up by time. */
export function sum(metrics: Metrics, column: string): Point[] {
  const sums = new Map<string, number>();
  for (const one of metrics.series) {
    if (one.column === column) for (const { time, value } of one.points) sums.set(time, (sums.get(time) ?? 0) + value);
  }
  return [...sums].map(([time, value]) => ({ time, value })).sort((one, other) => one.time.localeCompare(other.time));
}

/** What a server did in the last hour, asked for while its row is in sight. */
function Pulse({ id }: { id: number }) {
  const box = useRef<HTMLSpanElement>(null);
  const [isSeen, see] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver((told) => see(told[told.length - 1].isIntersecting), { rootMargin: "100px" });
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return <span ref={box}>{isSeen ? <Hour id={id} /> : <span class="muted">…</span>}</span>;
}

/** Transactions of the last hour as a line, and the newest figures. */
function Hour({ id }: { id: number }) {
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  const window = `start_time=${new Date(minute - 3_600_000).toISOString()}&end_time=${new Date(minute).toISOString()}`;
  const { data } = useData<Metrics>(`/api/v1/servers/${id}/metrics?metric_type=pg_stats&${window}`, 30);
  if (!data) return <span class="muted">…</span>;
  const rates = ofSteps(sum(data, "xact_commit_delta"), data.step_seconds, Date.parse(data.end_time) / 1000);
  if (rates.length === 0) return <span class="muted">no figures yet</span>;
  const step = data.step_seconds * 1000;
  const values: (number | null)[] = Array.from({ length: Math.ceil(3_600_000 / step) }, () => null);
  for (const one of rates) values[Math.floor((Date.parse(one.time) - minute + 3_600_000) / step)] = one.value;
  const [hits, reads] = [sum(data, "blks_hit_delta").at(-1)?.value ?? 0, sum(data, "blks_read_delta").at(-1)?.value ?? 0];
  const newest = rates[rates.length - 1].value;
  return (
    <>
      <Spark values={values} label={`${count(newest)} transactions a second`} />{" "}
      {count(newest)} tx/s · {count(Math.round(sum(data, "numbackends").at(-1)?.value ?? 0))} connections · {percent(hits / (hits + reads))} from cache
    </>
  );
}

/** What tells whether to look comes first: a phone shows no more. */
const columns = (firing: (row: ServerRow) => Alert[] | undefined): Column<ServerRow>[] => [
  { name: "Server", value: (row) => row.name, show: (row) => <Link href={`/servers/${row.id}`}>{row.name}</Link> },
  { name: "Collector", value: (row) => row.status, show: (row) => <Status of={row.status} /> },
  {
    name: "Alerts",
    number: true,
    value: (row) => firing(row)?.length,
    show: (row) => {
      const alerts = firing(row);
      if (!alerts) return "–";
      return alerts.length ? <Link href={`/alerts?server=${encodeURIComponent(row.name)}`}><Status of={alerts[0].severity} /> {count(alerts.length)}</Link> : "0";
    },
  },
  { name: "Last seen", value: (row) => row.last_seen, show: (row) => ago(row.last_seen) },
  { name: "Last hour", show: (row) => <Pulse id={row.id} /> },
  { name: "Host", value: (row) => row.hostname, show: (row) => row.hostname },
  { name: "Environment", value: (row) => row.environment, show: (row) => row.environment || "–" },
  {
    name: "Look at",
    show: (row) => (
      <>
        <Link href={`/servers/${row.id}/why`}>why slow</Link> <Link href={`/servers/${row.id}/activity`}>activity</Link>{" "}
        <Link href={`/servers/${row.id}/queries`}>queries</Link>
      </>
    ),
  },
];

/** How many collectors are silent in all, where the list has a part of the servers only. */
function Silent() {
  const of = (status: string) => useData<{ total: number }>(`/api/v1/collectors?status=${status}&page_size=1`, 15).data?.total;
  const told = { offline: of("offline"), late: of("late") };
  return (
    <>
      {Object.entries(told).map(([status, total]) => total !== undefined && total > 0 && (
        <Link key={status} href={`/collectors?status=${status}`}><span class="error">{total} {status} in all</span></Link>
      ))}
    </>
  );
}

/** Silent servers first, then those where the worst fires; those that were never heard from last. */
const ORDER = ["offline", "late", "critical", "warning", "info", "active", "registered"];

/** Every server, the silent ones first. */
export function Fleet() {
  const servers = useList<ServerRow>("/api/v1/servers", partOf("fleet"), { seconds: 5, pages: MANY });
  const alerts = useList<Alert>("/api/v1/alerts?state=firing", 1, { seconds: 5, pages: MANY });
  // The list has the worst first.
  const firing = (row: ServerRow) => alerts.data?.data.filter((one) => one.labels.server === row.name && !isWatchdog(one));
  const isAdmin = user.value?.role === "admin";
  const rank = (row: ServerRow) => ORDER.indexOf(row.status === "active" ? (firing(row)?.[0]?.severity ?? row.status) : row.status);
  return (
    <Show of={servers}>
      {(part) => {
        const { data, total } = part;
        const of = (...states: string[]) => data.filter((row) => states.includes(row.status)).length;
        const [silent, never] = [of("offline", "late"), of("registered")];
        const told = [silent && `${silent} silent`, never && `${never} not heard from yet`].filter(Boolean).join(", ") || (data.length > 0 ? "all heard from" : "");
        return (
          <>
            <div class="head">
              <h1>Fleet</h1>
              <span class={silent ? "error" : "muted"}>
                {total === 1 ? "1 server" : `${total} servers`}
                {told && (total > data.length ? `; of the ${data.length} below: ${told}` : `, ${told}`)}
              </span>
              {total > data.length && <Silent />}
            </div>
            {alerts.error && <p class="error" role="alert">What fires is not known: {alerts.error.message}</p>}
            {total === 0 ? (
              <>
                <p class="empty">No server yet. {!isAdmin && "An admin connects the first one here."}</p>
                {isAdmin && <Connect title="Connect the first server" />}
                {isAdmin && <p class="muted">The role monitor needs pg_monitor: pganalytics collect check --dsn … says what it cannot read, and how to grant it. Once it pushes, the server stands here.</p>}
              </>
            ) : (
              <>
                {data.length > 0 && <Table id="fleet" rows={[...data].sort((a, b) => rank(a) - rank(b))} columns={columns(firing)} empty="No server." total={total} />}
                <Pager id="fleet" of={part} />
              </>
            )}
          </>
        );
      }}
    </Show>
  );
}
