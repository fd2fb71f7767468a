import { useMemo } from "preact/hooks";
import { useData } from "../data";
import { bytes, change, count, millis, percent } from "../format";
import { Link, Show } from "../parts";
import { Compare, compared, ofRange, pace, range, windowOf } from "../range";
import { go, place, withArgs } from "../router";
import { Spark } from "../spark";
import { Table, type Column } from "../table";
import { type ServerDetail, ServerHead } from "./server-head";

export interface Stats {
  time: string;
  collector_id: string;
  database_name: string;
  user_name: string;
  query_hash: string;
  query_text: string;
  calls: number;
  total_time: number;
  mean_time: number;
  max_time: number;
  rows: number;
  shared_blks_hit: number;
  shared_blks_read: number;
  temp_blks_written: number;
  coverage?: number;
  gap?: boolean;
}

const ORDERS: [string, string][] = [
  ["total", "Total time"],
  ["mean", "Mean time"],
  ["calls", "Calls"],
  ["max", "Worst interval"],
];

/** One statement of one user in one database. */
const keyOf = (row: Stats) => `${row.query_hash} ${row.database_name} ${row.user_name}`;

/** What the same statements did at another time. */
interface Then {
  rows: Map<string, Stats>;
  /** The list was cut: what is not in it may have run. */
  isCut: boolean;
  name: string;
}

/** What the statements did in parts of the range. */
interface Parts {
  to: string;
  step_seconds: number;
  is_cut: boolean;
  statements: { query_hash: string | number; database_name: string; total_time: (number | null)[] }[];
}

/** Sessions that ran each statement, part by part; the part that is not over yet would look like a collapse. */
function loads(parts: Parts | undefined): Map<string, (number | null)[]> {
  const isOver = Date.parse(parts?.to ?? "") <= Date.now();
  return new Map((parts?.statements ?? []).map((one) => {
    const values = one.total_time.map((time) => time === null ? null : time / 1000 / (parts?.step_seconds ?? 1));
    return [`${one.query_hash} ${one.database_name}`, isOver ? values : values.slice(0, -1)];
  }));
}

/** Calls a second, while the server was sampled. */
function rate(row: Stats): number | null {
  const { from, to } = range();
  const seconds = ((to - from) / 1000) * (row.coverage ?? 0);
  return seconds > 0 ? row.calls / seconds : null;
}

function columns(id: string, total: number, then: Then | null, load: Map<string, (number | null)[]>): Column<Stats>[] {
  const delta = (name: string, of: (row: Stats) => number): Column<Stats>[] => {
    if (!then) return [];
    const was = (row: Stats) => then.rows.get(keyOf(row));
    const factor = (row: Stats) => {
      const old = was(row);
      return old && of(old) > 0 ? of(row) / of(old) : null;
    };
    return [
      {
        name,
        number: true,
        value: factor,
        show: (row) => {
          const old = was(row);
          if (!old) return <span class="muted">{then.isCut ? "–" : "new"}</span>;
          return <span class={(factor(row) ?? 1) >= 1.5 ? "error" : ""}>{change(of(row), of(old))}</span>;
        },
      },
    ];
  };
  return [
    {
      name: "Share",
      number: true,
      value: (row) => row.total_time / total,
      show: (row) => (
        <>
          <span class="bar" style={{ width: `${Math.max(1, (row.total_time / total) * 60)}px` }} /> {percent(row.total_time / total)}
        </>
      ),
    },
    {
      name: "Statement",
      value: (row) => row.query_text,
      show: (row) => (
        <Link href={ofRange(`/servers/${id}/queries/${row.query_hash}`)}>
          <code class="sql">{row.query_text}</code>
        </Link>
      ),
    },
    {
      name: "Over the range",
      show: (row) => {
        const values = load.get(`${row.query_hash} ${row.database_name}`);
        if (!values) return <span class="muted">…</span>;
        const most = Math.max(...values.map((value) => value ?? 0));
        return <Spark values={values} label={`sessions that run it, at most ${count(most)}`} />;
      },
    },
    { name: "Total", number: true, value: (row) => row.total_time, show: (row) => millis(row.total_time) },
    ...delta("Δ total", (row) => row.total_time),
    { name: "Calls", number: true, value: (row) => row.calls, show: (row) => count(row.calls) },
    { name: "a second", number: true, value: rate, show: (row) => count(rate(row)) },
    ...delta("Δ calls", (row) => row.calls),
    { name: "Mean", number: true, value: (row) => row.mean_time, show: (row) => millis(row.mean_time) },
    ...delta("Δ mean", (row) => row.mean_time),
    { name: "Rows", number: true, value: (row) => row.rows, show: (row) => count(row.rows) },
    { name: "Read from disk", number: true, value: (row) => row.shared_blks_read, show: (row) => bytes(row.shared_blks_read * 8192) },
    { name: "Database", value: (row) => row.database_name, show: (row) => row.database_name },
  ];
}

const LIMIT = 100;

function Body({ server }: { server: ServerDetail }) {
  const order = place.value.args.get("order") ?? "total";
  const then = compared();
  const path = `/api/v1/collectors/${server.collector_id}/queries/slow?limit=${LIMIT}&order=${order}`;
  const found = useData<{ queries: Stats[] }>(`${path}&${windowOf(["from", "to"])}`, pace());
  const earlier = useData<{ queries: Stats[] }>(then ? `${path}&${windowOf(["from", "to"], then.shift)}` : null, 300);
  const old = earlier.data?.queries;
  const hashes = [...new Set((found.data?.queries ?? []).map((row) => row.query_hash))].sort().join();
  const parts = useData<Parts>(hashes ? `/api/v1/collectors/${server.collector_id}/queries/parts?hashes=${hashes}&${windowOf(["from", "to"])}` : null, pace(60));
  const load = useMemo(() => loads(parts.data), [parts.data]);
  return (
    <>
      <div class="tools">
        <nav class="ranges" aria-label="Order">
          {ORDERS.map(([value, name]) => (
            <button type="button" key={value} aria-pressed={order === value} onClick={() => go(withArgs({ order: value, "queries.sort": null }))}>{name}</button>
          ))}
        </nav>
        <span class="grow" />
        <Compare />
      </div>
      {then && earlier.error && <p class="error" role="alert">{earlier.error.message}</p>}
      {then && old?.length === 0 && <p class="muted">Nothing is known of the statements {then.name}: this server was not watched then, or nothing ran.</p>}
      <Show of={found}>
        {({ queries }) => {
          const total = queries.reduce((sum, row) => sum + row.total_time, 0) || 1;
          const compared = then && old && old.length > 0 ? { rows: new Map(old.map((row) => [keyOf(row), row])), isCut: old.length >= LIMIT, name: then.name } : null;
          return (
            <>
              {parts.error && <p class="error" role="alert">How they went over the range is not known: {parts.error.message}</p>}
              {parts.data?.is_cut && <p class="muted">More statements ran in this range than are drawn: a shorter one shows all of them.</p>}
              {queries.length >= LIMIT && <p class="muted">The first {LIMIT} by this order; shares are of these.</p>}
              <Table
                id="queries"
                rows={queries}
                columns={columns(String(server.id), total, compared, load)}
                empty="No statement ran in this range. If some should have: collect check tells whether pg_stat_statements is there and readable."
              />
            </>
          );
        }}
      </Show>
    </>
  );
}

export function Queries({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
