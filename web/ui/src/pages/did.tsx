import { CutAt } from "../cut";
import { useData } from "../data";
import { count, percent } from "../format";
import { Show } from "../parts";
import { pace, range, Ranges } from "../range";
import { go, place, withArgs } from "../router";
import { type Column, Table } from "../table";

/** What one table or index did in the range: differences of its counters. */
interface Did {
  schemaname?: string;
  relname?: string;
  indexrelname?: string;
  [counter: string]: number | string | null | undefined;
}

const of = (row: Did, counter: string) => row[`${counter}_delta`] as number | null | undefined;
const hits = (row: Did, kind: string) => (of(row, `${kind}_blks_hit`) ?? 0) / ((of(row, `${kind}_blks_hit`) ?? 0) + (of(row, `${kind}_blks_read`) ?? 0));
const counted = (name: string, counter: string): Column<Did> => ({ name, number: true, value: (row) => of(row, counter) ?? undefined, show: (row) => count(of(row, counter) ?? undefined) });
const cached = (kind: string): Column<Did> => ({ name: "From cache", number: true, value: (row) => hits(row, kind), show: (row) => (Number.isNaN(hits(row, kind)) ? "–" : percent(hits(row, kind))) });
const table: Column<Did> = { name: "Table", value: (row) => `${row.schemaname}.${row.relname}`, show: (row) => `${row.schemaname}.${row.relname}` };

const TABLES: Column<Did>[] = [
  table,
  counted("Sequential scans", "seq_scan"),
  counted("Rows read by them", "seq_tup_read"),
  counted("Index scans", "idx_scan"),
  counted("Inserted", "n_tup_ins"),
  counted("Updated", "n_tup_upd"),
  counted("of them HOT", "n_tup_hot_upd"),
  counted("Deleted", "n_tup_del"),
  counted("Blocks read", "heap_blks_read"),
  cached("heap"),
];

const INDEXES: Column<Did>[] = [
  { name: "Index", value: (row) => row.indexrelname, show: (row) => row.indexrelname },
  table,
  counted("Scans", "idx_scan"),
  counted("Entries read", "idx_tup_read"),
  counted("Rows fetched", "idx_tup_fetch"),
  counted("Blocks read", "idx_blks_read"),
  cached("idx"),
];

const LIMIT = 1000;

/** What the tables and indexes of one database did in the range. */
export function WhatTheyDid({ collector, databases }: { collector: string; databases: string[] }) {
  const asked = place.value.args.get("database");
  const database = asked && databases.includes(asked) ? asked : databases[0];
  const { from, to } = range();
  const path = (kind: string) =>
    database === undefined ? null : `/api/v1/collectors/${collector}/databases/${encodeURIComponent(database)}/${kind}?from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}&limit=${LIMIT}`;
  const tables = useData<{ data: Did[]; total: number }>(path("tables"), pace(60));
  const indexes = useData<{ data: Did[]; total: number }>(path("indexes"), pace(60));
  if (database === undefined) return null;
  return (
    <>
      <div class="head">
        <h2>What they did</h2>
        <label>
          Database <select value={database} onChange={(event) => go(withArgs({ database: event.currentTarget.value }))}>
            {databases.map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
        <span class="grow" />
        <Ranges />
      </div>
      <Show of={tables}>
        {({ data, total }) => (
          <>
            <Table id="did-tables" rows={data} columns={TABLES} empty="No table was read or written in the range, or its lists did not come." />
            <CutAt shown={data.length} total={total} order="most read" />
          </>
        )}
      </Show>
      <Show of={indexes}>
        {({ data, total }) => (
          <>
            <Table id="did-indexes" rows={data} columns={INDEXES} empty="No index was used in the range, or its lists did not come." />
            <CutAt shown={data.length} total={total} order="most used" />
          </>
        )}
      </Show>
    </>
  );
}
