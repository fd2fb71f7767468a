// When a statement was first and last seen, from its timeline: the API tells the newest points of a
// window, so that the oldest one is searched for.
import { useEffect, useState } from "preact/hooks";
import { get } from "./api";
import { ago, full } from "./format";

const HOUR = 3_600_000;
/** The first sample of a server has no differences, so its statements are told of with a later one. */
const SAMPLES = 15 * 60_000;

/** Between a question that failed and the same again, in milliseconds: it doubles. */
const AGAIN = 5_000;
const LONGEST = 60_000;

/** Points that are read at once. */
const LIMIT = 1000;

/** Times of a statement, in milliseconds since 1970. */
export interface Seen {
  last: number;
  /** Undefined while it is searched for. */
  first?: number;
  /** It was there in the oldest sample that is kept: it may be older. */
  isOlder?: boolean;
}

/** The points of a statement in [from, to), the newest `limit` of them, oldest first. */
export type Points = (from: number, to: number, limit: number) => Promise<number[]>;

/**
 * The oldest time of a statement that is kept. The span halves by age, as a new statement is asked
 * for more often than an old one; what is left of it is read.
 */
export async function firstSeen(points: Points, oldest: number, last: number, now: number): Promise<number> {
  let [none, seen] = [oldest, last];
  while (seen - none > HOUR) {
    const age = Math.sqrt(Math.max(now - seen, HOUR / 4) * (now - none));
    const middle = Math.min(Math.max(now - age, none + HOUR / 4), seen - HOUR / 4);
    const [newest] = await points(none, middle, 1);
    if (newest === undefined) none = middle;
    else seen = newest;
  }
  for (;;) {
    const rest = await points(none, seen, LIMIT);
    seen = rest[0] ?? seen;
    if (rest.length < LIMIT) return seen;
  }
}

/** Asks for each statement that is looked at until it is known; null if it was never seen. */
export function useSeen(collector: string, hash: string): Seen | null | undefined {
  const [found, set] = useState<Seen | null | undefined>();
  useEffect(() => {
    let [isOver, timer, pause] = [false, 0, AGAIN];
    const tell = (seen: Seen | null) => !isOver && set(seen);
    const points: Points = async (from, to, limit) => {
      if (isOver) throw new Error("nobody looks any more");
      const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
      const { data } = await get<{ data: { time: string }[] }>(`/api/v1/queries/${hash}/timeline?collector_id=${collector}&step=0&limit=${limit}&${window}`);
      return data.map((point) => Date.parse(point.time));
    };
    const search = async () => {
      const now = Date.now();
      const { data } = await get<{ data: { timestamp: string }[] }>(`/api/v1/collectors/${collector}/metrics?type=pg_query_stats&order=asc&limit=1`);
      if (data.length === 0) return tell(null);
      const oldest = Date.parse(data[0].timestamp);
      const [last] = await points(oldest, now, 1);
      if (last === undefined) return tell(null);
      tell({ last });
      const first = await firstSeen(points, oldest, last, now);
      tell({ last, first, isOlder: first - oldest < SAMPLES });
    };
    // What cannot be asked for is not said, as the page's own questions tell why; it is asked for again.
    const ask = () =>
      search().catch(() => {
        if (isOver) return;
        timer = window.setTimeout(ask, pause);
        pause = Math.min(pause * 2, LONGEST);
      });
    set(undefined);
    void ask();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
    };
  }, [collector, hash]);
  return found;
}

const since = (at: number) => `${full(at)}, ${ago(new Date(at).toISOString())}`;

/** First and last seen in words. */
export function SeenText({ of }: { of: Seen | null | undefined }) {
  if (!of) return null;
  const { first, last, isOlder } = of;
  return (
    <p class="muted seen">
      {first === undefined ? "First seen …" : isOlder ? `Seen as far back as samples are kept (${full(first)})` : `First seen ${since(first)}`}; last seen {since(last)}
    </p>
  );
}
