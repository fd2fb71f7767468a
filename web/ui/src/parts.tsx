import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Loaded } from "./data";
import { csv } from "./format";
import { go, place, withArgs } from "./router";

/** A link inside of the page. */
export function Link({ href, children, class: name }: { href: string; children: ComponentChildren; class?: string }) {
  return (
    <a
      href={href}
      class={name}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(href);
      }}
    >
      {children}
    </a>
  );
}

/** What is loaded; or that it is being loaded, or why it cannot be. */
export function Show<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ComponentChildren }) {
  if (of.data === undefined && of.error === undefined) return <p class="loading">Loading…</p>;
  return (
    <>
      {of.error && (
        <p class="error" role="alert">
          {of.error.status === 501 ? "This node does not offer this yet." : of.error.message}
          {of.stale && " What is shown is older."}
        </p>
      )}
      {of.data !== undefined && children(of.data)}
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

export interface Column<T> {
  name: string;
  /** What is shown; a column without a value of its own is neither sorted nor exported. */
  show: (row: T) => ComponentChildren;
  value?: (row: T) => string | number | null | undefined;
  number?: boolean;
}

const FIRST = 200;

/** A table that sorts, filters, and copies itself as CSV. The address holds order and filter. */
export function Table<T>({ id, rows, columns, empty }: { id: string; rows: T[]; columns: Column<T>[]; empty: string }) {
  const args = place.value.args;
  const [sort, filter] = [args.get(`${id}.sort`) ?? "", args.get(`${id}.filter`) ?? ""];
  const [limit, setLimit] = useState(FIRST);
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
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="table">
      <div class="tools">
        <input
          type="search"
          aria-label="Filter"
          placeholder="Filter (/)"
          value={filter}
          onInput={(event) => go(withArgs({ [`${id}.filter`]: event.currentTarget.value || null }), true)}
        />
        <span class="muted">{shown.length === 1 ? "1 row" : `${shown.length} rows`}</span>
        <Copy text={text} name="Copy CSV" />
      </div>
      <div class="scroll" tabIndex={0}>
        <table>
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
            {shown.slice(0, limit).map((row, at) => (
              <tr key={at}>
                {columns.map((column) => (
                  <td key={column.name} class={column.number ? "number" : ""}>{column.show(row)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length > limit && (
        <button type="button" onClick={() => setLimit(limit + 1000)}>Show {Math.min(1000, shown.length - limit)} more</button>
      )}
    </div>
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

export function Ranges() {
  const { isLive, from, to } = range();
  const hours = place.value.args.get("hours") ?? "1";
  return (
    <nav class="ranges" aria-label="Time range">
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
      {!isLive && <span class="muted">{new Date(from).toLocaleString()} – {new Date(to).toLocaleString()}</span>}
    </nav>
  );
}

export function Status({ of }: { of: string }) {
  return <span class={`status ${of}`}>{of}</span>;
}
