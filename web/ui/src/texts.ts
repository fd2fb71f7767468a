// Texts of statements, where an answer names them by their ids only.
import { useData } from "./data";

interface Named {
  query_hash: string | number;
  query_text: string;
}

/** The texts of the statements of a collector that took most time in the last day, by query id. */
export function useTexts(collector: string): Map<string, string> {
  const day = useData<{ queries: Named[] }>(`/api/v1/collectors/${collector}/queries/slow?hours=24&limit=100&order=total`, 300);
  return new Map((day.data?.queries ?? []).map((row) => [String(row.query_hash), row.query_text]));
}
