import { useState } from "preact/hooks";
import { call, user } from "../api";
import { useData } from "../data";
import { ago, percent } from "../format";
import { CutAtLimit } from "../cut";
import { Copy, Link, Show, Status } from "../parts";
import { type ServerDetail, ServerHead } from "./server-head";

interface Recommendation {
  id: number;
  query_hash: string | null;
  source_type: string;
  rule: string | null;
  recommendation_text: string;
  detailed_explanation?: string;
  original_query: string | null;
  suggested_rewrite: string | null;
  question: string | null;
  then: string[] | null;
  undo: string | null;
  estimated_improvement_percent: number | null;
  confidence_score: number;
  saved_seconds_per_day: number | null;
  implementation_complexity: string;
  collector_id: string | null;
  database_name: string;
  created_at: string;
}

const KINDS: Record<string, string> = { analyze: "Statistics", index: "Index", parameter: "Setting" };

interface Job {
  name: string;
  every_seconds: number;
  last_run: string | null;
  error: string | null;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

interface Result {
  implementation_id: number;
  recommendation_text: string;
  status: string;
  status_reason: string;
  implementation_timestamp: string;
  actual_improvement_signed?: number;
  actual_improvement_interval?: [number, number];
  actual_improvement_seconds?: number;
  collector_id: string;
}

/** Recommendations, and results, of an answer: the most that the API gives. */
const LIMIT = 500;

/** What was done, and whether it has helped. */
function Results({ server }: { server: ServerDetail }) {
  const found = useData<Result[]>(`/api/v1/optimization-results?limit=${LIMIT}`, 60);
  const mine = (found.data ?? []).filter((one) => one.collector_id === server.collector_id || one.collector_id === "");
  if (mine.length === 0) return null;
  const change = (one: Result) => {
    const [low, high] = one.actual_improvement_interval ?? [0, 0];
    if (one.actual_improvement_signed === undefined) return "";
    const range = `90 %: ${low.toFixed(0)} to ${high.toFixed(0)} %`;
    return `${one.actual_improvement_signed.toFixed(0)} % less time (${range}), ${duration(one.actual_improvement_seconds ?? 0)} a day`;
  };
  return (
    <>
      <h2>What was done</h2>
      <ul>
        {mine.map((one) => (
          <li key={one.implementation_id}>
            <Status of={one.status} /> {one.recommendation_text || `advice ${one.implementation_id}`}: {change(one)} <span class="muted">{one.status_reason} · {ago(one.implementation_timestamp)}</span>
          </li>
        ))}
      </ul>
      <CutAtLimit shown={found.data?.length ?? 0} limit={LIMIT} order="newest of all servers:" />
    </>
  );
}

/** A statement to run, and a button that copies it. */
function Sql({ text }: { text: string }) {
  return (
    <div class="copied">
      <pre class="sql" tabIndex={0}>{text}</pre>
      <Copy text={() => text} name="Copy SQL" />
    </div>
  );
}

/** What is changed, and what it is worth. */
function Card({ id, one, changed }: { id: string; one: Recommendation; changed: () => void }) {
  const [reason, setReason] = useState("");
  const [error, setError] = useState("");
  const dismiss = async () => {
    try {
      await call("POST", `/api/v1/optimization-recommendations/${one.id}/dismiss`, { reason });
      changed();
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  const done = async () => {
    try {
      const body = { query_hash: 0, notes: reason };
      await call("POST", `/api/v1/optimization-recommendations/${one.id}/implement`, body);
      changed();
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  const isIndex = one.source_type !== "rewrite";
  const facts = [
    one.saved_seconds_per_day ? `saves ${duration(one.saved_seconds_per_day)} a day` : null,
    one.estimated_improvement_percent ? `${percent(one.estimated_improvement_percent / 100)} of the statements' time` : null,
    `confidence ${percent(one.confidence_score)}`,
    `${one.implementation_complexity} effort`,
    one.database_name ? `database ${one.database_name}` : null,
    `found ${ago(one.created_at)}`,
  ];
  return (
    <article class="card" aria-label={one.recommendation_text}>
      <h2>{isIndex ? KINDS[one.rule ?? ""] ?? KINDS[one.source_type] : one.recommendation_text}</h2>
      {one.detailed_explanation && <p>{one.detailed_explanation}.</p>}
      {isIndex && <Sql text={[one.recommendation_text, ...(one.then ?? [])].join("\n")} />}
      {!isIndex && one.original_query && <pre class="sql">{one.original_query}</pre>}
      {!isIndex && one.suggested_rewrite && (
        <>
          <p>may be written as</p>
          <Sql text={one.suggested_rewrite} />
        </>
      )}
      {one.question && <p>It depends: {one.question}</p>}
      <p class="muted">
        {facts.filter(Boolean).join(" · ")}
        {one.query_hash && <> · <Link href={`/servers/${id}/queries/${one.query_hash}`}>The statement</Link></>}
      </p>
      {one.undo && <details><summary>How to undo it</summary><Sql text={one.undo} /></details>}
      {user.value?.role !== "viewer" && (
        <div class="tools">
          <input aria-label="Reason" placeholder="Reason" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
          <button type="button" onClick={() => void dismiss()}>Dismiss</button>
          <button type="button" onClick={() => void done()}>It is done</button>
          {error && <span class="error" role="alert">{error}</span>}
        </div>
      )}
    </article>
  );
}

function Body({ server, id }: { server: ServerDetail; id: string }) {
  const [round, setRound] = useState(0);
  const [said, say] = useState("");
  const found = useData<Recommendation[]>(`/api/v1/optimization-recommendations?limit=${LIMIT}&min_impact=0&collector_id=${server.collector_id}&round=${round}`, 60);
  const jobs = useData<{ jobs: Job[] }>(`/api/v1/jobs?round=${round}`, 60);
  const judge = async () => {
    say("Judging…");
    try {
      const done = await call<{ recommendations_aggregated: number; message: string }>("POST", "/api/v1/recommendations/aggregate");
      say(`${done.recommendations_aggregated} found, ${done.message}.`);
      setRound(round + 1);
    } catch (fault) {
      say((fault as Error).message);
    }
  };
  const last = jobs.data?.jobs.map((job) => {
    const ran = job.every_seconds <= 60 ? "every minute" : job.last_run ? ago(job.last_run) : "not yet";
    return `${job.name} ${job.error ? `failed: ${job.error}` : ran}`;
  });
  return (
    <>
      <div class="tools">
        {user.value?.role !== "viewer" && <button type="button" onClick={() => void judge()}>Judge now</button>}
        {said && <span role="status">{said}</span>}
        {last && <span class="muted">By itself: {last.join(" · ")}</span>}
      </div>
      <h2>What is worth most first</h2>
      <Show of={found}>
        {(all) =>
          all.length === 0 ? (
            <p class="empty">No advice. It needs statements, and the tables and columns that our collector sends.</p>
          ) : (
            <>
              {all.map((one) => <Card key={one.id} id={id} one={one} changed={() => setRound(round + 1)} />)}
              <CutAtLimit shown={all.length} limit={LIMIT} order="first" />
            </>
          )
        }
      </Show>
      <Results server={server} />
    </>
  );
}

export function Advice({ id }: { id: string }) {
  return <ServerHead id={id} isOfNow>{(server) => <Body server={server} id={id} />}</ServerHead>;
}
