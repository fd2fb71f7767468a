// Statements that became slower when their plan changed.
import { type Loaded, useData } from "./data";

export interface Regression {
  id: number;
  collector_id: string;
  query_hash: string | number;
  query_text: string;
  database_name: string;
  description: string;
  since: string;
  ended_at: string | null;
  seconds_per_hour: number;
}

export interface Answer {
  plan_regressions: Regression[];
  total: number;
}

/** A server's, what is open and costs most first. */
export function useRegressions(collector: string): Loaded<Answer> {
  return useData(`/api/v1/plan-regressions?state=all&limit=100&collector_id=${encodeURIComponent(collector)}`, 60);
}
