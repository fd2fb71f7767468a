import { Chart, type Line } from "../chart";
import { useData } from "../data";
import { clock, count, full } from "../format";
import { Happened } from "../happened";
import { useMarks } from "../marks";
import { Copy, Show } from "../parts";
import { Cut, pace, range, setRange } from "../range";
import { Table, type Column } from "../table";
import { type ServerDetail, ServerHead } from "./server-head";

interface Group {
  backend_type: string | null;
  state: string | null;
  wait_event_type: string | null;
  wait_event: string | null;
  user: string | null;
  database: string | null;
  application: string | null;
  sessions: number;
  oldest_transaction_seconds: number | null;
  oldest_query_seconds: number | null;
}

interface Sample {
  timestamp: string;
  rows: Group[];
}

interface Pair {
  blocked_pid: number;
  blocking_pid: number | null;
  database: string;
  relation: string | null;
  lock_type: string;
  mode_wanted: string;
  wait_seconds: number | null;
  blocked_user: string;
  blocked_query: string;
  blocking_user: string | null;
  blocking_state: string | null;
  blocking_query: string | null;
  blocking_transaction_seconds: number | null;
}

/** Sessions that work or wait, by what they wait for; who waits for nothing is on a processor. */
export function load(samples: Sample[]): { times: number[]; lines: Line[] } {
  const ordered = [...samples].sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
  const times = ordered.map((sample) => Math.round(Date.parse(sample.timestamp) / 1000));
  const names: string[] = [];
  const sums = ordered.map((sample) => {
    const sum = new Map<string, number>();
    for (const group of sample.rows) {
      if (group.state !== "active" || group.backend_type === "walsender") continue;
      const name = group.wait_event_type ?? "CPU";
      if (!names.includes(name)) names.push(name);
      sum.set(name, (sum.get(name) ?? 0) + group.sessions);
    }
    return sum;
  });
  names.sort((a, b) => Number(b === "CPU") - Number(a === "CPU") || a.localeCompare(b));
  return { times, lines: names.map((label) => ({ label, values: sums.map((sum) => sum.get(label) ?? 0) })) };
}

const seconds = (value: number | null) => (value === null ? "–" : value < 120 ? `${value.toFixed(1)} s` : `${(value / 60).toFixed(1)} min`);

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

const PAIRS: Column<Pair>[] = [
  { name: "Waits", number: true, value: (row) => row.wait_seconds, show: (row) => seconds(row.wait_seconds) },
  { name: "Blocked", value: (row) => row.blocked_pid, show: (row) => `${row.blocked_pid} ${row.blocked_user}` },
  { name: "for", value: (row) => row.mode_wanted, show: (row) => `${row.mode_wanted} on ${row.relation ?? row.lock_type}` },
  { name: "Blocked statement", value: (row) => row.blocked_query, show: (row) => <code class="sql">{row.blocked_query}</code> },
  { name: "Held by", value: (row) => row.blocking_pid, show: (row) => `${row.blocking_pid ?? "–"} ${row.blocking_user ?? ""} (${row.blocking_state ?? "gone"})` },
  {
    name: "To end that",
    show: (row) => row.blocking_pid !== null && <Copy text={() => `SELECT pg_terminate_backend(${row.blocking_pid});`} name="Copy SQL" />,
  },
  { name: "Its transaction", number: true, value: (row) => row.blocking_transaction_seconds, show: (row) => seconds(row.blocking_transaction_seconds) },
  { name: "Its statement", value: (row) => row.blocking_query, show: (row) => <code class="sql">{row.blocking_query}</code> },
];

/** Sessions that work first, those of the longest transaction; the server's own processes last. */
function inOrder(rows: Group[]): Group[] {
  const rank = (row: Group) => (row.state === null ? 2 : row.state === "active" ? 0 : 1);
  return [...rows].sort((one, other) => rank(one) - rank(other) || (other.oldest_transaction_seconds ?? 0) - (one.oldest_transaction_seconds ?? 0));
}

/** Samples of an answer: the most that the API gives. */
const SAMPLES = 1000;

/** How old the newest wait may be to count as of now, in milliseconds. */
const NOW = 30_000;

function Body({ server }: { server: ServerDetail }) {
  const { from, to } = range();
  const times = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
  const path = `/api/v1/collectors/${server.collector_id}/metrics?order=desc&${times}`;
  const samples = useData<{ data: Sample[] }>(`${path}&type=pg_activity_sample&limit=${SAMPLES}`, pace(10));
  const marks = useMarks(server, from, to);
  const blocking = useData<{ data: { timestamp: string; rows: Pair[] }[] }>(`${path}&type=pg_blocking&limit=1`, pace(10));
  return (
    <>
      <Show of={blocking}>
        {({ data }) => {
          const newest = data[0];
          if (!newest) return <p class="muted">Nobody waited for a lock in this range.</p>;
          const isNow = Math.min(to, Date.now()) - Date.parse(newest.timestamp) < NOW;
          return (
            <>
              <h2 class={isNow ? "error" : ""}>
                {isNow ? "Waiting for locks now" : `Last wait for a lock: ${full(newest.timestamp)}`}
              </h2>
              <Table id="locks" rows={newest.rows} columns={isNow ? PAIRS : PAIRS.filter((one) => one.name !== "To end that")} empty="Nobody waits." />
            </>
          );
        }}
      </Show>
      <Show of={samples}>
        {({ data }) => {
          if (data.length === 0) {
            return <p class="empty">This collector sent no activity in this range: pganalytics collect --dsn … does, every 10 s.</p>;
          }
          const found = load(data);
          return (
            <>
              <Cut times={found.times.map((time) => time * 1000)} limit={SAMPLES} />
              <Chart title="Active sessions by what they wait for" {...found} stacked unit={count} marks={marks} onRange={setRange} />
              <Happened marks={marks} />
              <h2>Sessions at {clock(data[0].timestamp)}</h2>
              <Table id="sessions" rows={inOrder(data[0].rows)} columns={GROUPS} empty="No session." />
            </>
          );
        }}
      </Show>
    </>
  );
}

export function Activity({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
