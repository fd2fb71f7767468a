// Data of a page: asked for now, and again while somebody looks.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { changes, get } from "./api";

export interface Loaded<T> {
  data?: T;
  error?: Error & { status?: number };
  /** What is shown is older than it should be: its renewal failed. */
  stale: boolean;
  /** When what is shown was answered, in milliseconds since 1970. */
  at?: number;
}

/** A question that is asked again by itself. */
export interface Renewed {
  /** The address, without what the page adds to tell parts of a list apart. */
  path: string;
  /** Between an answer and the next question. */
  seconds: number;
  /** When it was answered, in milliseconds since 1970. */
  at?: number;
  /** It was not answered the last time. */
  isFailing?: boolean;
}

/** All questions of what is shown now. */
export const renewed = new Set<Renewed>();

/** Somebody reads, and wants nothing to move. */
export const paused = signal(false);

const TIMES = /(from|to|start_time|end_time|round)=[^&]*/g;

/** Answers a path. */
type Ask<T> = (path: string) => Promise<T>;

/** Asks for `path` every `seconds`, but not while the tab is hidden; null asks for nothing. */
export function useData<T>(path: string | null, seconds = 10, ask: Ask<T> = get): Loaded<T> {
  const [state, set] = useState<Loaded<T>>({ stale: false });
  const changed = changes.value;
  const shown = useRef("");
  const latest = useRef({ ask, seconds });
  latest.current = { ask, seconds };
  useEffect(() => {
    // The same question about a moved window keeps what is shown until the answer is there.
    const question = (path ?? "").replace(TIMES, "");
    if (question !== shown.current) set({ stale: false });
    shown.current = question;
    if (path === null) return;
    let [isOver, timer] = [false, 0];
    const own: Renewed = { path: path.split("#")[0], seconds };
    let pause = seconds;
    renewed.add(own);
    const ask = async () => {
      if (document.hidden) return plan();
      try {
        const data = await latest.current.ask(path);
        own.seconds = pause = latest.current.seconds;
        [own.at, own.isFailing] = [Date.now(), false];
        if (!isOver) set({ data, stale: false, at: own.at });
      } catch (error) {
        pause = Math.min(pause * 2, 60);
        own.isFailing = true;
        if (!isOver) set((last) => ({ ...last, error: error as Error, stale: last.data !== undefined }));
      }
      plan();
    };
    const plan = () => {
      window.clearTimeout(timer);
      if (!isOver) timer = window.setTimeout(() => (paused.value ? plan() : ask()), pause * 1000);
    };
    const seen = () => {
      if (!document.hidden && !paused.value) {
        window.clearTimeout(timer);
        void ask();
      }
    };
    document.addEventListener("visibilitychange", seen);
    void ask();
    return () => {
      isOver = true;
      renewed.delete(own);
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, changed]);
  return state;
}

/** Rows of one answer: as many as the API gives. */
const SIZE = 100;

/** Answers that are put together where people look for one row among many. */
export const MANY = 10;

/** A part of a list, and how long the whole is. */
export interface Part<T> {
  data: T[];
  total: number;
  /** Which part, from 1. */
  page: number;
  /** Rows of a full part. */
  size: number;
}

interface Answer<T> {
  data: T[];
  total: number;
}

/**
 * A part of a list that the API gives by pages: `pages` of them at once, so that order and filter
 * are of all rows wherever that is possible. An item that moved meanwhile is there once.
 */
export async function readPart<T extends { id: unknown }>(path: string, page: number, pages: number, ask: Ask<Answer<T>> = get): Promise<Part<T>> {
  const first = (page - 1) * pages + 1;
  const of = (number: number) => ask(`${path}${path.includes("?") ? "&" : "?"}page=${number}&page_size=${SIZE}`);
  const begin = await of(first);
  const last = Math.min(first + pages - 1, Math.ceil(begin.total / SIZE));
  const rest = await Promise.all(Array.from({ length: Math.max(0, last - first) }, (_, n) => of(first + 1 + n)));
  const rows = new Map<unknown, T>();
  for (const answer of [begin, ...rest]) for (const row of answer.data) rows.set(row.id, row);
  return { data: [...rows.values()], total: begin.total, page, size: pages * SIZE };
}

/** The longest pause of a list that takes several answers, in seconds. */
const SLOWEST = 30;

/** Asks for a part of a list every `seconds`; a part of many answers is asked for less often. */
export function useList<T extends { id: unknown }>(path: string, page: number, { seconds = 10, pages = 1 } = {}): Loaded<Part<T>> {
  const [took, setTook] = useState(1);
  const found = useData<Part<T>>(`${path}#${page}.${pages}`, Math.max(seconds, Math.min(seconds * took, SLOWEST)), () => readPart<T>(path, page, pages));
  const answers = Math.max(1, Math.ceil((found.data?.data.length ?? 0) / SIZE));
  useEffect(() => setTook(answers), [answers]);
  return found;
}
