// Data of a page: asked for now, and again while somebody looks.
import { useEffect, useState } from "preact/hooks";
import { get } from "./api";

export interface Loaded<T> {
  data?: T;
  error?: Error & { status?: number };
  /** What is shown is older than it should be. */
  stale: boolean;
}

/** Asks for `path` every `seconds`, but not while the tab is hidden; null asks for nothing. */
export function useData<T>(path: string | null, seconds = 10): Loaded<T> {
  const [state, set] = useState<Loaded<T>>({ stale: false });
  useEffect(() => {
    set({ stale: false });
    if (path === null) return;
    let [isOver, timer] = [false, 0];
    let pause = seconds;
    const ask = async () => {
      if (document.hidden) return plan();
      try {
        const data = await get<T>(path);
        pause = seconds;
        if (!isOver) set({ data, stale: false });
      } catch (error) {
        pause = Math.min(pause * 2, 60);
        if (!isOver) set((last) => ({ data: last.data, error: error as Error, stale: last.data !== undefined }));
      }
      plan();
    };
    const plan = () => {
      if (!isOver) timer = window.setTimeout(ask, pause * 1000);
    };
    const shown = () => {
      if (!document.hidden) {
        window.clearTimeout(timer);
        void ask();
      }
    };
    document.addEventListener("visibilitychange", shown);
    void ask();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [path, seconds]);
  return state;
}
