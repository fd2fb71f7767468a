// The range of time that is looked at, and what it is compared with: the address holds both.
import { clock, full } from "./format";
import { go, place, withArgs } from "./router";

const RANGES: [string, string][] = [
  ["1", "1 h"],
  ["6", "6 h"],
  ["24", "24 h"],
  ["168", "7 d"],
  ["720", "30 d"],
];

/** How often a range of so many hours is asked for, in seconds: what is long hardly changes, and is dear. */
const paceOf = (hours: number): number => (hours <= 1 ? 15 : hours <= 24 ? 30 : 300);

/** How often the range is asked for, but not more often than every `shortest` seconds. */
export function pace(shortest = 15): number {
  const { from, to } = range();
  return Math.max(shortest, paceOf((to - from) / 3_600_000));
}

/** The range that the address names: the last hours, or from and to. */
export function range(now = Date.now()): { from: number; to: number; isLive: boolean } {
  const args = place.value.args;
  const [from, to] = [Date.parse(args.get("from") ?? ""), Date.parse(args.get("to") ?? "")];
  if (from < to) return { from, to, isLive: false };
  const hours = Number(args.get("hours")) || 1;
  // Whole steps, so that the address asked for changes once in a while only.
  const step = paceOf(hours) * 1000;
  const end = Math.ceil(now / step) * step;
  return { from: end - hours * 3_600_000, to: end, isLive: true };
}

export function setRange(from: number, to: number): void {
  const iso = (seconds: number) => new Date(seconds * 1000).toISOString();
  go(withArgs({ from: iso(from), to: iso(to), hours: null, minutes: null }));
}

/** An address of the same server, with the range and what it is compared with. */
export function ofRange(href: string): string {
  const args = new URLSearchParams();
  for (const name of ["hours", "from", "to", "compare"]) {
    const value = place.value.args.get(name);
    if (value) args.set(name, value);
  }
  return args.size ? `${href}?${args}` : href;
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

/** Says that an answer of `limit` items, the newest, does not reach back to the begin of the range. */
export function Cut({ times, limit }: { times: number[]; limit: number }) {
  if (times.length < limit) return null;
  return <p class="muted">Shown are the newest {limit} samples, since {full(Math.min(...times))}: a shorter range shows what was before.</p>;
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
