// A list as a table: sorted, filtered, copied; and the parts of a list that is longer.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Loaded, Part } from "./data";
import { csv } from "./format";
import { Copy, Show } from "./parts";
import { go, place, withArgs } from "./router";

export interface Column<T> {
  name: string;
  /** What is shown; a column without a value of its own is neither sorted nor exported. */
  show: (row: T) => ComponentChildren;
  value?: (row: T) => string | number | null | undefined;
  number?: boolean;
}

/** A longer list shows the rows only that are in sight, all of one height. */
const LONG = 200;
const ROW_PIXELS = 30;
/** Rows before and after those in sight. */
const AROUND = 8;

interface TableProps<T> {
  id: string;
  rows: T[];
  columns: Column<T>[];
  empty: string;
  /** How long the list is that these rows are a part of. */
  total?: number;
}

/** How many rows are seen, of how many. */
function seenOf(shown: number, rows: number, total: number): string {
  const of = shown === rows ? (rows === 1 ? "1 row" : `${rows} rows`) : `${shown} of ${rows} rows`;
  return total > rows ? `${of} of this part; the list has ${total}` : of;
}

/** A table that sorts, filters, and copies itself as CSV. The address holds order and filter. */
export function Table<T>({ id, rows, columns, empty, total = rows.length }: TableProps<T>) {
  const args = place.value.args;
  const [sort, filter] = [args.get(`${id}.sort`) ?? "", args.get(`${id}.filter`) ?? ""];
  const box = useRef<HTMLDivElement>(null);
  const [first, setFirst] = useState(0);
  const shown = useMemo(() => {
    const text = filter.toLowerCase();
    const has = (row: T) => columns.some((column) => String(column.value?.(row) ?? "").toLowerCase().includes(text));
    const found = text ? rows.filter(has) : [...rows];
    const column = columns.find((one) => one.name === sort.replace(/^-/, ""));
    if (column?.value) {
      const [value, sign] = [column.value, sort.startsWith("-") ? -1 : 1];
      found.sort((a, b) => {
        const [x, y] = [value(a) ?? -Infinity, value(b) ?? -Infinity];
        return x === y ? 0 : x < y ? -sign : sign;
      });
    }
    return found;
  }, [rows, columns, sort, filter]);
  const text = () => {
    const exported = columns.filter((column) => column.value);
    const cells = shown.map((row) => exported.map((column) => column.value?.(row)));
    return csv(exported.map((column) => column.name), cells);
  };
  useEffect(() => {
    if (box.current) box.current.scrollTop = 0;
    setFirst(0);
  }, [sort, filter]);
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const isLong = shown.length > LONG;
  const from = isLong ? Math.max(0, Math.min(first, shown.length - 1) - AROUND) : 0;
  const seen = isLong ? shown.slice(from, from + Math.ceil((window.innerHeight * 0.7) / ROW_PIXELS) + 2 * AROUND) : shown;
  const space = (rows: number) => rows > 0 && <tr aria-hidden="true" class="space"><td colSpan={columns.length} style={{ height: `${rows * ROW_PIXELS}px` }} /></tr>;
  return (
    <div class="table">
      <div class="tools">
        <input
          type="search"
          aria-label="Filter"
          placeholder="Filter (f)"
          value={filter}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            go(withArgs({ [`${id}.filter`]: null }), true);
            event.currentTarget.blur();
          }}
          onInput={(event) => go(withArgs({ [`${id}.filter`]: event.currentTarget.value || null }), true)}
        />
        <span class="muted">{seenOf(shown.length, rows.length, total)}</span>
        <Copy text={text} name="Copy CSV" />
      </div>
      <div
        ref={box}
        class={isLong ? "scroll long" : "scroll"}
        tabIndex={0}
        onScroll={isLong ? (event) => setFirst(Math.floor(event.currentTarget.scrollTop / ROW_PIXELS)) : undefined}
      >
        <table aria-rowcount={isLong ? shown.length + 1 : undefined}>
          <thead>
            <tr>
              {columns.map((column) => {
                const by = sort.replace(/^-/, "") === column.name;
                const next = by && sort.startsWith("-") ? column.name : `-${column.name}`;
                return (
                  <th
                    key={column.name}
                    class={column.number ? "number" : ""}
                    aria-sort={by ? (sort.startsWith("-") ? "descending" : "ascending") : undefined}
                  >
                    {column.value ? (
                      <button type="button" onClick={() => go(withArgs({ [`${id}.sort`]: next }), true)}>
                        {column.name}
                        {by ? (sort.startsWith("-") ? " ↓" : " ↑") : ""}
                      </button>
                    ) : (
                      column.name
                    )}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {space(from)}
            {seen.map((row, at) => (
              <tr key={from + at} aria-rowindex={isLong ? from + at + 2 : undefined}>
                {columns.map((column) => (
                  <td key={column.name} class={column.number ? "number" : ""}>{column.show(row)}</td>
                ))}
              </tr>
            ))}
            {space(shown.length - from - seen.length)}
          </tbody>
        </table>
      </div>
      {filter && shown.length === 0 && <p class="empty">No row has {JSON.stringify(filter)} in it: clear the filter to see all {rows.length}.</p>}
    </div>
  );
}

/** Which part of a list the address names, from 1. */
export const partOf = (id: string): number => Math.max(1, Math.floor(Number(place.value.args.get(`${id}.page`))) || 1);

/** Which part of a list is shown, and the way to the others; nothing if the list has one. */
export function Pager({ id, of }: { id: string; of: Part<unknown> }) {
  const { data, total, page, size } = of;
  if (page === 1 && total <= data.length) return null;
  const to = (page: number) => go(withArgs({ [`${id}.page`]: page > 1 ? String(page) : null }));
  const first = (page - 1) * size;
  return (
    <nav class="tools apart" aria-label="Parts of the list">
      <button type="button" disabled={page === 1} onClick={() => to(page - 1)}>Previous</button>
      <span class="muted">{data.length > 0 ? `${first + 1} to ${first + data.length} of ${total}` : `The list ends before: it has ${total}.`}</span>
      <button type="button" disabled={page * size >= total} onClick={() => to(page + 1)}>Next</button>
      {page > 2 && <button type="button" onClick={() => to(1)}>First</button>}
    </nav>
  );
}

/** A part of a list as a table, and the way to the others. */
export function Listed<T extends { id: unknown }>({ id, of, columns, empty }: { id: string; of: Loaded<Part<T>>; columns: Column<T>[]; empty: string }) {
  return (
    <Show of={of}>
      {(part) => (
        <>
          {(part.data.length > 0 || part.total === 0) && <Table id={id} rows={part.data} columns={columns} empty={empty} total={part.total} />}
          <Pager id={id} of={part} />
        </>
      )}
    </Show>
  );
}
