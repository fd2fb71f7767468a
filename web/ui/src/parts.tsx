import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Loaded, Part } from "./data";
import { ago, clock, csv, full } from "./format";
import { go, kept, place, withArgs } from "./router";

/** A link inside of the page. */
export function Link({ href, children, class: name }: { href: string; children: ComponentChildren; class?: string }) {
  return (
    <a
      href={kept(href)}
      class={name}
      aria-current={name === "here" ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(kept(href));
      }}
    >
      {children}
    </a>
  );
}

/** The name of what is shown, for the browser's tabs and its history. */
export function useTitle(text: string | undefined): void {
  useEffect(() => {
    if (text !== undefined) document.title = `${text} · pgAnalytics`;
  }, [text]);
}

/** What a person can do about an answer that is none. */
function remedy(status: number | undefined): string {
  if (status === 0) return "It is asked again by itself.";
  if (status === 403) return "Somebody with the role for it can: an admin changes roles under People.";
  if (status === 404) return "It may have been removed: the search above (/) finds what there is.";
  if (status === 501) return "This node's version does not offer it: the cluster page shows the versions.";
  if (status === 503) return "The cluster page shows which nodes are away; it is asked again by itself.";
  return status !== undefined && status >= 500 ? "The node's log says more." : "";
}

/** What is loaded; or that it is being loaded, or why it cannot be. What is old says how old it is. */
export function Show<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ComponentChildren }) {
  if (of.data === undefined && of.error === undefined) return <p class="loading">Loading…</p>;
  return (
    <>
      {of.error && (
        <p class="error" role="alert">
          {of.error.message}{/[.!?]$/.test(of.error.message) ? "" : "."} {remedy(of.error.status)}
          {of.stale && of.at && <b> What is shown is of {clock(of.at)}, {ago(new Date(of.at).toISOString())}.</b>}
        </p>
      )}
      {of.data !== undefined && (of.stale ? <div class="stale">{children(of.data)}</div> : children(of.data))}
    </>
  );
}

/** A button that copies a text, and says that it did. */
export function Copy({ text, name }: { text: () => string; name: string }) {
  const [said, say] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      say("Copied");
    } catch {
      // Without TLS a browser has no clipboard but on its own host.
      say("The browser allows no copy here");
    }
    setTimeout(() => say(""), 1500);
  };
  return <button type="button" onClick={() => void copy()}>{said || name}</button>;
}

/** Runs a change and says what went wrong. */
export function useChange(): [string, (change: () => Promise<unknown>) => Promise<void>] {
  const [error, setError] = useState("");
  const run = async (change: () => Promise<unknown>) => {
    try {
      await change();
      setError("");
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return [error, run];
}

/** A text that no node tells again. */
export function Once({ text, children }: { text: string; children?: ComponentChildren }) {
  if (!text) return null;
  return (
    <div class="once" role="status">
      {children}
      <pre class="sql" tabIndex={0}>{text}</pre>
      <Copy text={() => text} name="Copy" />
      <span class="muted"> It is shown once: keep it now.</span>
    </div>
  );
}

/** A button that asks once more before it does what cannot be undone. */
export function Sure({ name, does, question }: { name: string; does: () => void; question: string }) {
  const [asked, ask] = useState(false);
  if (!asked) return <button type="button" onClick={() => ask(true)}>{name}</button>;
  return (
    <span role="group" aria-label={question}>
      <span class="error">{question}</span>{" "}
      <button type="button" class="danger" onClick={() => { ask(false); does(); }}>{name}</button>{" "}
      <button type="button" onClick={() => ask(false)}>No</button>
    </span>
  );
}

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

const RANGES: [string, string][] = [
  ["1", "1 h"],
  ["6", "6 h"],
  ["24", "24 h"],
  ["168", "7 d"],
  ["720", "30 d"],
];

/** The range that the address names: the last hours, or from and to. */
export function range(now = Date.now()): { from: number; to: number; isLive: boolean } {
  const args = place.value.args;
  const [from, to] = [Date.parse(args.get("from") ?? ""), Date.parse(args.get("to") ?? "")];
  if (from < to) return { from, to, isLive: false };
  const hours = Number(args.get("hours")) || 1;
  // Whole steps, so that the address asked for changes once in a while only.
  const end = Math.ceil(now / 15_000) * 15_000;
  return { from: end - hours * 3_600_000, to: end, isLive: true };
}

export function setRange(from: number, to: number): void {
  const iso = (seconds: number) => new Date(seconds * 1000).toISOString();
  go(withArgs({ from: iso(from), to: iso(to), hours: null }));
}

const COMPARED: [string, string, number][] = [
  ["", "nothing", 0],
  ["day", "a day before", 86_400_000],
  ["week", "a week before", 7 * 86_400_000],
];

/** What the range is compared with: how many milliseconds earlier, and how that is called. */
export function compared(): { shift: number; name: string } | null {
  const found = COMPARED.find(([value]) => value !== "" && value === place.value.args.get("compare"));
  return found ? { name: found[1], shift: found[2] } : null;
}

/** A range as a question's arguments; `shift` milliseconds earlier. */
export function windowOf(names: [string, string], shift = 0): string {
  const { from, to } = range();
  return `${names[0]}=${new Date(from - shift).toISOString()}&${names[1]}=${new Date(to - shift).toISOString()}`;
}

/** The choice of what to compare with. */
export function Compare() {
  return (
    <label class="muted">
      Compare with{" "}
      <select value={place.value.args.get("compare") ?? ""} onChange={(event) => go(withArgs({ compare: event.currentTarget.value || null }))}>
        {COMPARED.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
      </select>
    </label>
  );
}

export function Ranges() {
  const { isLive, from, to } = range();
  const hours = place.value.args.get("hours") ?? "1";
  return (
    <nav class="ranges" aria-label="Time range">
      {!isLive && <span class="muted">{full(from)} – {clock(to, from)}</span>}
      {RANGES.map(([value, label]) => (
        <button
          type="button"
          key={value}
          aria-pressed={isLive && hours === value}
          onClick={() => go(withArgs({ hours: value, from: null, to: null }))}
        >
          {label}
        </button>
      ))}
    </nav>
  );
}

export function Status({ of }: { of: string }) {
  return <span class={`status ${of}`}>{of}</span>;
}
