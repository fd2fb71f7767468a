import { useState } from "preact/hooks";
import { call, user } from "../api";
import { CutAt, CutAtLimit } from "../cut";
import { useData } from "../data";
import { ago, clock, count, percent } from "../format";
import { Link, Show, Status } from "../parts";
import { useRegressions } from "../regressions";
import { Spark } from "../spark";
import { Regressions } from "./regressions";
import { type ServerDetail, ServerHead } from "./server-head";
import { Week } from "./week";

interface Anomaly {
  id: number;
  query_hash: string | number;
  anomaly_type: string;
  severity: "low" | "medium" | "high";
  metric_name: string;
  metric_value: number;
  baseline_value: number;
  z_score: number;
  raw_metrics_json: { values: (number | null)[]; factor: number; load_share: number | null; tier: string; causes: { text: string }[] };
  subject: string;
  database_name: string;
  started_at: string;
  ended_at: string | null;
  ended_by: string | null;
  resolved: boolean;
  members: Anomaly[];
}

interface Pattern {
  id: number;
  pattern_type: string;
  database_name: string;
  description: string;
  collector_id: string;
  pattern_metadata: { confidence: number; next_occurrence?: string; last_seen?: string; is_overdue?: boolean; query_hashes?: (string | number)[] };
}

const COMPARED: Record<string, string> = {
  hour_of_week: "the same hour of the last weeks",
  hour_of_workday: "the same hour of the last days of its kind",
  hour_of_day: "the same hour of the last days",
  recent: "the last six hours",
};

const name = (one: Anomaly) => one.metric_name.replaceAll("_", " ");

/** What is not usual, and what else happened. */
function Card({ id, one, changed }: { id: string; one: Anomaly; changed: () => void }) {
  const [error, setError] = useState("");
  const resolve = async () => {
    try {
      await call("POST", `/api/v1/anomalies/${one.id}/resolve`);
      changed();
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  const raw = one.raw_metrics_json;
  const isStatement = String(one.query_hash) !== "0";
  const isServer = one.members.length > 20;
  const facts = [
    `since ${clock(one.started_at)}`,
    one.ended_at ? `over since ${clock(one.ended_at)}` : null,
    raw.load_share === null ? null : `${percent(raw.load_share)} of the server's load`,
    one.database_name ? `database ${one.database_name}` : null,
    `compared with ${COMPARED[raw.tier] ?? raw.tier}`,
  ];
  return (
    <article class="card" aria-label={`${name(one)} of ${one.subject}`}>
      <h2>
        <Status of={one.severity} /> {isServer ? one.subject : `${name(one)}: ${count(one.metric_value)}, usually ${count(one.baseline_value)}`}
      </h2>
      <p>
        {isStatement ? <Link href={`/servers/${id}/queries/${one.query_hash}`}>Statement {String(one.query_hash)}</Link> : one.subject}
      </p>
      {/* The last half hour. */}
      <Spark values={raw.values} usual={one.baseline_value} width={200} height={40} label={`${one.metric_name}: ${count(one.metric_value)}, usually ${count(one.baseline_value)}`} />
      {raw.causes.length === 0 ? <p class="muted">Nothing else was seen to happen at that time.</p> : <ul>{raw.causes.map((cause) => <li key={cause.text}>{cause.text}.</li>)}</ul>}
      {one.members.length > 0 && (
        <details>
          <summary>{isServer ? `${one.members.length} series began together` : "What else changed of it"}</summary>
          <ul>{one.members.map((member) => <li key={member.id}>{member.subject}: {name(member)} {count(member.metric_value)}, usually {count(member.baseline_value)}</li>)}</ul>
        </details>
      )}
      <p class="muted">{facts.filter(Boolean).join(" · ")}</p>
      {!one.resolved && user.value?.role !== "viewer" && (
        <div class="tools">
          <button type="button" onClick={() => void resolve()}>Resolve</button>
          {error && <span class="error" role="alert">{error}</span>}
        </div>
      )}
    </article>
  );
}

/** Patterns of an answer: the most that the API gives. */
const PATTERNS = 1000;

function Body({ server, id }: { server: ServerDetail; id: string }) {
  const [round, setRound] = useState(0);
  const [isAll, setAll] = useState(false);
  const own = encodeURIComponent(server.collector_id);
  const state = isAll ? "&state=all" : "";
  const found = useData<{ anomalies: Anomaly[]; total: number }>(`/api/v1/anomalies?severity=all&limit=100&collector_id=${own}${state}&round=${round}`, 30);
  const patterns = useData<Pattern[]>(`/api/v1/workload-patterns?limit=${PATTERNS}&collector_id=${own}`, 300);
  const regressions = useRegressions(server.collector_id);
  return (
    <>
      <div class="tools">
        <label><input type="checkbox" checked={isAll} onChange={() => setAll(!isAll)} /> Also what is over, of the last week</label>
      </div>
      <h2>What is not usual</h2>
      <Show of={found}>
        {({ anomalies, total }) =>
          anomalies.length === 0 ? (
            <p class="empty">Nothing. Statements that take most time, databases and waits are compared with what is usual, once there are six hours of samples.</p>
          ) : (
            <>
              {anomalies.map((one) => <Card key={one.id} id={id} one={one} changed={() => setRound(round + 1)} />)}
              <CutAt shown={anomalies.length} total={total} order="newest" />
            </>
          )
        }
      </Show>
      <Regressions of={regressions} server={server.id} />
      <h2>What comes back</h2>
      <Show of={patterns}>
        {(all) =>
          all.length === 0 ? (
            <p class="empty">No pattern yet. It is looked for once a day, and needs a week.</p>
          ) : (
            <>
            <ul>
              {all.map((one) => (
                <li key={one.id}>
                  {one.description} <span class="muted">
                    {one.database_name} · confidence {percent(one.pattern_metadata.confidence)}
                    {one.pattern_metadata.is_overdue && one.pattern_metadata.last_seen ? ` · overdue, last seen ${ago(one.pattern_metadata.last_seen)}` : one.pattern_metadata.next_occurrence && ` · next ${clock(one.pattern_metadata.next_occurrence)}`}
                  </span>
                </li>
              ))}
            </ul>
            <CutAtLimit shown={all.length} limit={PATTERNS} order="surest" />
            </>
          )
        }
      </Show>
      <Week id={id} />
    </>
  );
}

export function Unusual({ id }: { id: string }) {
  return <ServerHead id={id} isOfNow>{(server) => <Body server={server} id={id} />}</ServerHead>;
}
