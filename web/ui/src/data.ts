// Data of a page: asked for now, and again while somebody looks.
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

const TIMES = /(from|to|start_time|end_time|round)=[^&]*/g;

/** Asks for `path` every `seconds`, but not while the tab is hidden; null asks for nothing. */
export function useData<T>(path: string | null, seconds = 10): Loaded<T> {
  const [state, set] = useState<Loaded<T>>({ stale: false });
  const changed = changes.value;
  const shown = useRef("");
  useEffect(() => {
    // The same question about a moved window keeps what is shown until the answer is there.
    const question = (path ?? "").replace(TIMES, "");
    if (question !== shown.current) set({ stale: false });
    shown.current = question;
    if (path === null) return;
    let [isOver, timer] = [false, 0];
    let pause = seconds;
    const ask = async () => {
      if (document.hidden) return plan();
      try {
        const data = await get<T>(path);
        pause = seconds;
        if (!isOver) set({ data, stale: false, at: Date.now() });
      } catch (error) {
        pause = Math.min(pause * 2, 60);
        if (!isOver) set((last) => ({ ...last, error: error as Error, stale: last.data !== undefined }));
      }
      plan();
    };
    const plan = () => {
      if (!isOver) timer = window.setTimeout(ask, pause * 1000);
    };
    const seen = () => {
      if (!document.hidden) {
        window.clearTimeout(timer);
        void ask();
      }
    };
    document.addEventListener("visibilitychange", seen);
    void ask();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, seconds, changed]);
  return state;
}
