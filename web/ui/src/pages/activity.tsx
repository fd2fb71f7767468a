import { clock } from "../format";
import { Happened } from "../happened";
import { type Group, LoadChart, NO_SAMPLES, useSamples } from "../load";
import { useMarks } from "../marks";
import { Show } from "../parts";
import { range } from "../range";
import { Table, type Column } from "../table";
import { Locks, seconds } from "./locks";
import { type ServerDetail, ServerHead } from "./server-head";

const GROUPS: Column<Group>[] = [
  { name: "Sessions", number: true, value: (row) => row.sessions, show: (row) => row.sessions },
  { name: "State", value: (row) => row.state ?? row.backend_type, show: (row) => row.state ?? <span class="muted">{row.backend_type}</span> },
  { name: "Waits for", value: (row) => row.wait_event, show: (row) => (row.wait_event ? `${row.wait_event_type}: ${row.wait_event}` : row.state === "active" ? "CPU" : "–") },
  { name: "Database", value: (row) => row.database, show: (row) => row.database ?? "–" },
  { name: "User", value: (row) => row.user, show: (row) => row.user ?? "–" },
  { name: "Application", value: (row) => row.application, show: (row) => row.application || "–" },
  { name: "Longest query", number: true, value: (row) => row.oldest_query_seconds, show: (row) => seconds(row.oldest_query_seconds) },
  { name: "Longest transaction", number: true, value: (row) => row.oldest_transaction_seconds, show: (row) => seconds(row.oldest_transaction_seconds) },
];

/** Sessions that work first, those of the longest transaction; the server's own processes last. */
function inOrder(rows: Group[]): Group[] {
  const rank = (row: Group) => (row.state === null ? 2 : row.state === "active" ? 0 : 1);
  return [...rows].sort((one, other) => rank(one) - rank(other) || (other.oldest_transaction_seconds ?? 0) - (one.oldest_transaction_seconds ?? 0));
}

function Body({ server }: { server: ServerDetail }) {
  const { from, to } = range();
  const samples = useSamples(server.collector_id);
  const marks = useMarks(server, from, to);
  return (
    <>
      <Locks collector={server.collector_id} server={String(server.id)} />
      <Show of={samples}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="empty">{NO_SAMPLES}</p>
          ) : (
            <>
              <LoadChart samples={data} marks={marks} />
              <Happened marks={marks} />
              <h2>Sessions at {clock(data[0].timestamp)}</h2>
              <Table id="sessions" rows={inOrder(data[0].rows)} columns={GROUPS} empty="No session." />
            </>
          )
        }
      </Show>
    </>
  );
}

export function Activity({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
