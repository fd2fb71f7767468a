import { useData } from "../data";
import { count, millis, percent } from "../format";
import { Link, range, Show, Table, type Column } from "../parts";
import { go, place, withArgs } from "../router";
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

function columns(id: string, total: number): Column<Stats>[] {
  const args = place.value.args.get("hours") ? `?hours=${place.value.args.get("hours")}` : "";
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
    { name: "Total", number: true, value: (row) => row.total_time, show: (row) => millis(row.total_time) },
    { name: "Calls", number: true, value: (row) => row.calls, show: (row) => count(row.calls) },
    { name: "Mean", number: true, value: (row) => row.mean_time, show: (row) => millis(row.mean_time) },
    { name: "Rows", number: true, value: (row) => row.rows, show: (row) => count(row.rows) },
    { name: "Read from disk", number: true, value: (row) => row.shared_blks_read, show: (row) => count(row.shared_blks_read) },
    { name: "Database", value: (row) => row.database_name, show: (row) => row.database_name },
    {
      name: "Statement",
      value: (row) => row.query_text,
      show: (row) => (
        <Link href={`/servers/${id}/queries/${row.query_hash}${args}`}>
          <code class="sql">{row.query_text}</code>
        </Link>
      ),
    },
  ];
}

function Body({ server }: { server: ServerDetail }) {
  const { from, to } = range();
  const order = place.value.args.get("order") ?? "total";
  const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
  const path = `/api/v1/collectors/${server.collector_id}/queries/slow?limit=100&order=${order}&${window}`;
  const found = useData<{ queries: Stats[] }>(path, 15);
  return (
    <>
      <nav class="ranges" aria-label="Order">
        {ORDERS.map(([value, name]) => (
          <button type="button" key={value} aria-pressed={order === value} onClick={() => go(withArgs({ order: value }))}>{name}</button>
        ))}
      </nav>
      <h2>The first 100 statements</h2>
      <Show of={found}>
        {({ queries }) => {
          const total = queries.reduce((sum, row) => sum + row.total_time, 0) || 1;
          return <Table id="queries" rows={queries} columns={columns(String(server.id), total)} empty="No statement ran in this range." />;
        }}
      </Show>
    </>
  );
}

export function Queries({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
