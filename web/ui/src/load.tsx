// The load of a server over time: sessions that work or wait, by what they wait for.
import { Chart, type Line } from "./chart";
import { type Loaded, useData } from "./data";
import { count } from "./format";
import type { Mark } from "./marks";
import { Cut, pace, setRange, windowOf } from "./range";

/** Sessions that do the same. */
export interface Group {
  backend_type: string | null;
  state: string | null;
  wait_event_type: string | null;
  wait_event: string | null;
  user: string | null;
  database: string | null;
  application: string | null;
  sessions: number;
  oldest_transaction_seconds: number | null;
  oldest_query_seconds: number | null;
}

export interface Sample {
  timestamp: string;
  rows: Group[];
}

/** Samples of an answer: the most that the API gives. */
const SAMPLES = 1000;

/** The samples of the range, the newest first. */
export function useSamples(collector: string, shortest = 10): Loaded<{ data: Sample[] }> {
  return useData(`/api/v1/collectors/${collector}/metrics?type=pg_activity_sample&order=desc&limit=${SAMPLES}&${windowOf(["from", "to"])}`, pace(shortest));
}

/** What is said where no session was ever told of. */
export const NO_SAMPLES = "This collector sent no activity in this range: pganalytics collect --dsn … does, every 10 s.";

/** Sessions that work or wait, by what they wait for; who waits for nothing is on a processor. */
function byWait(samples: Sample[]): { times: number[]; lines: Line[] } {
  const ordered = [...samples].sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp));
  const times = ordered.map((sample) => Math.round(Date.parse(sample.timestamp) / 1000));
  const names: string[] = [];
  const sums = ordered.map((sample) => {
    const sum = new Map<string, number>();
    for (const group of sample.rows) {
      if (group.state !== "active" || group.backend_type === "walsender") continue;
      const name = group.wait_event_type ?? "CPU";
      if (!names.includes(name)) names.push(name);
      sum.set(name, (sum.get(name) ?? 0) + group.sessions);
    }
    return sum;
  });
  names.sort((a, b) => Number(b === "CPU") - Number(a === "CPU") || a.localeCompare(b));
  return { times, lines: names.map((label) => ({ label, values: sums.map((sum) => sum.get(label) ?? 0) })) };
}

/** The load as a chart; `told` is the part of it that is spoken of, in milliseconds. */
export function LoadChart({ samples, marks, told }: { samples: Sample[]; marks: Mark[]; told?: [number, number] }) {
  const found = byWait(samples);
  return (
    <>
      <Cut times={found.times.map((time) => time * 1000)} limit={SAMPLES} />
      <Chart title="Active sessions by what they wait for" {...found} stacked unit={count} marks={marks} told={told} onRange={setRange} />
    </>
  );
}
