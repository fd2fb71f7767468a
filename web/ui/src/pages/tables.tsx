import { CutAtLimit } from "../cut";
import { useData } from "../data";
import { ago, bytes, count, percent } from "../format";
import { Show } from "../parts";
import { Table, type Column } from "../table";
import { WhatTheyDid } from "./did";
import { type ServerDetail, ServerHead } from "./server-head";
import { Frozen, Vacuum, Wasted } from "./vacuum";

interface TableRow {
  database_name: string;
  schema_name?: string;
  table_name?: string;
  n_live_tup?: number;
  n_dead_tup?: number;
  seq_scan?: number;
  idx_scan?: number;
  total_size?: number;
  last_vacuum?: string;
  last_autovacuum?: string;
}

interface IndexRow {
  database_name: string;
  schema_name?: string;
  table_name?: string;
  index_name: string;
  pg_relation_size?: number;
  idx_scan?: number;
}

const dead = (row: TableRow) => (row.n_dead_tup ?? 0) / Math.max(1, (row.n_live_tup ?? 0) + (row.n_dead_tup ?? 0));
const vacuumed = (row: TableRow) => [row.last_vacuum, row.last_autovacuum].filter(Boolean).sort().pop();

const TABLES: Column<TableRow>[] = [
  { name: "Table", value: (row) => `${row.schema_name}.${row.table_name}`, show: (row) => `${row.schema_name}.${row.table_name}` },
  { name: "Database", value: (row) => row.database_name, show: (row) => row.database_name },
  { name: "Size", number: true, value: (row) => row.total_size, show: (row) => bytes(row.total_size) },
  { name: "Rows", number: true, value: (row) => row.n_live_tup, show: (row) => count(row.n_live_tup) },
  { name: "Dead rows", number: true, value: (row) => row.n_dead_tup, show: (row) => count(row.n_dead_tup) },
  { name: "Dead share", number: true, value: dead, show: (row) => <span class={dead(row) > 0.2 ? "error" : ""}>{percent(dead(row))}</span> },
  { name: "Sequential scans", number: true, value: (row) => row.seq_scan, show: (row) => count(row.seq_scan) },
  { name: "Index scans", number: true, value: (row) => row.idx_scan, show: (row) => count(row.idx_scan) },
  { name: "Vacuumed", value: vacuumed, show: (row) => ago(vacuumed(row)) },
];

const INDEXES: Column<IndexRow>[] = [
  { name: "Index", value: (row) => row.index_name, show: (row) => row.index_name },
  { name: "Of the table", value: (row) => `${row.schema_name}.${row.table_name}`, show: (row) => `${row.schema_name}.${row.table_name}` },
  { name: "Database", value: (row) => row.database_name, show: (row) => row.database_name },
  { name: "Size", number: true, value: (row) => row.pg_relation_size, show: (row) => bytes(row.pg_relation_size) },
  { name: "Scans", number: true, value: (row) => row.idx_scan, show: (row) => (row.idx_scan === 0 ? <span class="warn">never</span> : count(row.idx_scan)) },
];

/** Tables and indexes of an answer: the most that the API gives. */
const LIMIT = 5000;
function Body({ server }: { server: ServerDetail }) {
  const base = `/api/v1/collectors/${server.collector_id}`;
  const tables = useData<{ data: { table?: TableRow[]; index?: IndexRow[] } }>(`${base}/databases?limit=${LIMIT}`, 30);
  return (
    <>
      <Show of={tables}>
        {({ data }) => (
          <>
            <Table id="tables" rows={data.table ?? []} columns={TABLES} empty="No table was seen in the last day." />
            <CutAtLimit shown={data.table?.length ?? 0} limit={LIMIT} order="first" />
            <h2>Indexes</h2>
            <p class="muted">Scans are counted since the server's statistics were reset, on this server only: a standby may use an index that is never used here, and one that keeps rows unique has its use.</p>
            <Table id="indexes" rows={data.index ?? []} columns={INDEXES} empty="No index was seen in the last day." />
            <CutAtLimit shown={data.index?.length ?? 0} limit={LIMIT} order="first" />
          </>
        )}
      </Show>
      <WhatTheyDid collector={server.collector_id} databases={server.instances.flatMap((one) => one.databases).sort((a, b) => (b.size_bytes ?? 0) - (a.size_bytes ?? 0)).map((one) => one.name)} />
      <Vacuum collector={server.collector_id} />
      <Wasted collector={server.collector_id} />
      <Frozen collector={server.collector_id} />
    </>
  );
}

export function Tables({ id }: { id: string }) {
  return <ServerHead id={id} isOfNow>{(server) => <Body server={server} />}</ServerHead>;
}
