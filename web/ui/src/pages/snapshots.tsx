import { call, user } from "../api";
import { useData } from "../data";
import { change, count, full, millis } from "../format";
import { Link, Show, Status, useChange } from "../parts";
import { range } from "../range";
import { go, place, withArgs } from "../router";
import { Pager, partOf, Table, type Column } from "../table";
import { useTexts } from "../texts";
import { type ServerDetail, ServerHead } from "./server-head";

interface Snapshot {
  id: number;
  name: string;
  description?: string;
  snapshot_type: string;
  created_at: string;
  created_by: string;
  from: string;
  to: string;
}

interface Compared {
  query_hash: string;
  database_name?: string;
  before_calls: number;
  after_calls: number;
  before_mean_time: number;
  after_mean_time: number;
  improvement_status: string;
  seconds_per_hour_change: number;
}

interface Answer {
  comparisons: Compared[];
  count: number;
  improved_count: number;
  degraded_count: number;
  unchanged_count: number;
  inconclusive_count: number;
  not_comparable_count: number;
  new_count: number;
  gone_count: number;
}

/** Snapshots of an answer: the most that the API gives. */
const LIMIT = 100;

const KINDS = ["manual", "pre_deploy", "post_deploy", "scheduled"];

const COUNTS: [keyof Answer, string][] = [
  ["degraded_count", "slower"],
  ["improved_count", "faster"],
  ["unchanged_count", "the same"],
  ["inconclusive_count", "too few calls to tell"],
  ["not_comparable_count", "not comparable"],
  ["new_count", "new"],
  ["gone_count", "gone"],
];

const columns = (id: string, texts: Map<string, string>): Column<Compared>[] => [
  { name: "Became", value: (row) => row.improvement_status, show: (row) => <Status of={row.improvement_status} /> },
  { name: "Time an hour", number: true, value: (row) => row.seconds_per_hour_change, show: (row) => `${row.seconds_per_hour_change > 0 ? "+ " : row.seconds_per_hour_change < 0 ? "− " : ""}${millis(Math.abs(row.seconds_per_hour_change) * 1000)}` },
  { name: "Mean before", number: true, value: (row) => row.before_mean_time, show: (row) => millis(row.before_mean_time) },
  { name: "Mean after", number: true, value: (row) => row.after_mean_time, show: (row) => millis(row.after_mean_time) },
  { name: "Change", number: true, value: (row) => row.after_mean_time / row.before_mean_time, show: (row) => change(row.after_mean_time, row.before_mean_time) },
  { name: "Calls", number: true, value: (row) => row.after_calls, show: (row) => `${count(row.before_calls)} → ${count(row.after_calls)}` },
  {
    name: "Statement",
    value: (row) => texts.get(String(row.query_hash)) ?? row.query_hash,
    show: (row) => <Link href={`/servers/${id}/queries/${row.query_hash}`}><code class="sql">{texts.get(String(row.query_hash)) ?? row.query_hash}</code></Link>,
  },
];

/** What became of the statements from one snapshot's window to another's. */
function Comparison({ server, before, after }: { server: ServerDetail; before: string; after: string }) {
  const found = useData<Answer>(`/api/v1/queries/comparison?before_snapshot=${before}&after_snapshot=${after}&collector_id=${server.collector_id}&limit=100`, 300);
  const texts = useTexts(server.collector_id);
  return (
    <Show of={found}>
      {(answer) => (
        <>
          <div class="cards">
            {COUNTS.map(([key, name]) => <div class="card" key={key}><b>{count(answer[key] as number)}</b>{name}</div>)}
          </div>
          <Table id="compared" rows={answer.comparisons} total={answer.count} columns={columns(String(server.id), texts)} empty="No statement ran in either window on this server." />
        </>
      )}
    </Show>
  );
}

function Take() {
  const [error, change] = useChange();
  const { from, to, isLive } = range();
  const take = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    const window = { from: new Date(from).toISOString(), to: new Date(Math.min(to, Date.now())).toISOString() };
    void change(async () => {
      await call("POST", "/api/v1/snapshots", { name: text("name"), snapshot_type: text("kind"), ...window });
      form.reset();
    });
  };
  return (
    <form class="card apart" onSubmit={take} aria-label="New snapshot">
      <h2>New snapshot</h2>
      <div class="tools">
        <input name="name" aria-label="Name" placeholder="Name, such as before 4.2" required />
        <select name="kind" aria-label="Kind">{KINDS.map((kind) => <option key={kind}>{kind}</option>)}</select>
        <span class="muted">of {isLive ? `the range above, up to now (since ${full(from)})` : `${full(from)} – ${full(to)}`}</span>
        <button type="submit">Take it</button>
      </div>
      {error && <p class="error" role="alert">{error}</p>}
    </form>
  );
}

function Body({ server }: { server: ServerDetail }) {
  const { args } = place.value;
  const [before, after] = [args.get("before") ?? "", args.get("after") ?? ""];
  const page = partOf("snapshots");
  const found = useData<{ snapshots: Snapshot[]; total: number }>(`/api/v1/snapshots?limit=${LIMIT}&page=${page}`, 30);
  const list: Column<Snapshot>[] = [
    { name: "Snapshot", value: (row) => row.name, show: (row) => row.name },
    { name: "Kind", value: (row) => row.snapshot_type, show: (row) => row.snapshot_type },
    { name: "Window", value: (row) => row.from, show: (row) => `${full(row.from)} – ${full(row.to)}` },
    { name: "By", value: (row) => row.created_by, show: (row) => row.created_by },
    {
      name: "Compare",
      show: (row) => (
        <>
          <button type="button" aria-pressed={before === String(row.id)} onClick={() => go(withArgs({ before: String(row.id) }))}>before</button>
          <button type="button" aria-pressed={after === String(row.id)} onClick={() => go(withArgs({ after: String(row.id) }))}>after</button>
        </>
      ),
    },
  ];
  return (
    <>
      {before && after && before !== after && <Comparison server={server} before={before} after={after} />}
      <h2>Snapshots</h2>
      <Show of={found}>
        {({ snapshots, total }) => (
          <>
            <Table id="snapshots" rows={snapshots} columns={list} total={total} empty="None yet. Name a window before a change and one after it, and see which statements became slower." />
            <Pager id="snapshots" of={{ data: snapshots, total, page, size: LIMIT }} />
          </>
        )}
      </Show>
      {user.value?.role !== "viewer" && <Take />}
    </>
  );
}

/** Named windows of time, and what became of the statements between two of them. */
export function Snapshots({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
