// Figures and times for people.

/** A number with few digits and its unit's prefix. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(1)} G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  if (Number.isInteger(value)) return String(value);
  // Of small ones two digits that count, or a scale of them would read 0.00 all along.
  return size < 0.1 ? String(Number(value.toPrecision(2))) : value.toFixed(size < 10 ? 2 : 1);
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [value, 0];
  while (Math.abs(size) >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${size.toFixed(Number.isInteger(size) && unit === 0 || size >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Milliseconds. */
export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value >= 3_600_000) return `${(value / 3_600_000).toFixed(1)} h`;
  if (value >= 60_000) return `${(value / 60_000).toFixed(1)} min`;
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`;
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

export function percent(share: number | null | undefined): string {
  return share === null || share === undefined || Number.isNaN(share) ? "–" : `${(share * 100).toFixed(1)} %`;
}

let zone: () => string | undefined = () => undefined;

/** Says where the zone of all times is asked for; undefined is the browser's. */
export function setZone(given: () => string | undefined): void {
  zone = given;
}

export function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("sv-SE", { timeZone: name }).format(0) !== "";
  } catch {
    return false;
  }
}

/** Formatters are dear to make. */
const formatters = new Map<string, Intl.DateTimeFormat>();

/** Day and time as 2026-11-29 03:14:08, in the zone that is shown. */
export function full(time: string | number): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return "–";
  const name = zone() ?? "";
  let formatter = formatters.get(name);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: name || undefined });
    formatters.set(name, formatter);
  }
  return formatter.format(at);
}

/** A time as 03:14:08, with the day if it is not today's. */
export function clock(time: string | number, now = Date.now()): string {
  const text = full(time);
  return text.slice(0, 10) === full(now).slice(0, 10) ? text.slice(11) : text;
}

/** A difference as + 12 %; from nothing there is none. */
export function change(now: number, before: number): string {
  if (!(before > 0)) return "–";
  const factor = now / before;
  if (factor >= 10) return `${factor.toFixed(0)} ×`;
  const share = Math.round((factor - 1) * 100);
  return share === 0 ? "same" : `${share > 0 ? "+" : "−"} ${Math.abs(share)} %`;
}

/** How long ago. */
export function ago(time: string | null | undefined, now = Date.now()): string {
  if (!time) return "never";
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** A value as a cell of CSV (RFC 4180); what a spreadsheet would take for a formula is quoted. */
export function csvCell(value: unknown): string {
  let text = value === null || value === undefined ? "" : String(value);
  if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(head: string[], rows: unknown[][]): string {
  return [head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}
