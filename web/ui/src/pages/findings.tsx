import { CutAt, CutAtLimit } from "../cut";
import { MANY, useData, useList } from "../data";
import { ago, clock, count, millis, percent } from "../format";
import { Link, Show, Status } from "../parts";
import type { Answer, Regression } from "../regressions";
import { type Column, Table } from "../table";
import type { ServerRow } from "./fleet";

/** Servers by the id of their collector. */
type Servers = Map<string, ServerRow>;

/** Findings of an answer: the most that the API gives. */
const LIMIT = 500;
const ANOMALIES = 100;

/** A column with the server, that leads to one of its pages. */
const server = <T extends { collector_id: string | null }>(of: Servers, page: string): Column<T> => {
  const name = (row: T) => of.get(row.collector_id ?? "")?.name ?? row.collector_id ?? "–";
  return {
    name: "Server",
    value: name,
    show: (row) => {
      const found = of.get(row.collector_id ?? "");
      return found ? <Link href={`/servers/${found.id}/${page}`}>{found.name}</Link> : name(row);
    },
  };
};

/** A statement, as a link where its server is known. */
function Statement({ of, collector, hash, text }: { of: Servers; collector: string | null; hash: string | number; text: string }) {
  const found = of.get(collector ?? "");
  const code = <code class="sql">{text}</code>;
  return found ? <Link href={`/servers/${found.id}/queries/${hash}`}>{code}</Link> : code;
}

interface Anomaly {
  id: number;
  collector_id: string;
  severity: string;
  metric_name: string;
  metric_value: number;
  baseline_value: number;
  subject: string;
  query_hash: string | number;
  database_name: string;
  started_at: string;
}

const WORST = ["low", "medium", "high"];
const what = (row: Anomaly) => `${row.metric_name.replaceAll("_", " ")} ${count(row.metric_value)}, usually ${count(row.baseline_value)}`;

const anomalies = (of: Servers): Column<Anomaly>[] => [
  { name: "Severity", value: (row) => WORST.indexOf(row.severity), show: (row) => <Status of={row.severity} /> },
  server(of, "unusual"),
  { name: "What", value: what, show: what },
  {
    name: "Of",
    value: (row) => row.subject,
    show: (row) => (String(row.query_hash) === "0" ? row.subject : <Statement of={of} collector={row.collector_id} hash={row.query_hash} text={row.subject} />),
  },
  { name: "Database", value: (row) => row.database_name, show: (row) => row.database_name || "–" },
  { name: "Since", value: (row) => row.started_at, show: (row) => clock(row.started_at) },
];

const regressions = (of: Servers): Column<Regression>[] => [
  server(of, "unusual"),
  { name: "Statement", value: (row) => row.query_text, show: (row) => <Statement of={of} collector={row.collector_id} hash={row.query_hash} text={row.query_text} /> },
  { name: "More an hour", number: true, value: (row) => row.seconds_per_hour, show: (row) => millis(row.seconds_per_hour * 1000) },
  { name: "What", value: (row) => row.description, show: (row) => <span class="wrap">{row.description}</span> },
  { name: "Since", value: (row) => row.since, show: (row) => clock(row.since) },
];

interface Recommendation {
  id: number;
  collector_id: string | null;
  source_type: string;
  recommendation_text: string;
  saved_seconds_per_day: number | null;
  confidence_score: number;
  implementation_complexity: string;
  database_name: string;
  created_at: string;
}

const advice = (of: Servers): Column<Recommendation>[] => [
  server(of, "advice"),
  { name: "Kind", value: (row) => row.source_type, show: (row) => row.source_type },
  { name: "What to do", value: (row) => row.recommendation_text, show: (row) => <code class="sql">{row.recommendation_text}</code> },
  { name: "Saves a day", number: true, value: (row) => row.saved_seconds_per_day, show: (row) => (row.saved_seconds_per_day ? millis(row.saved_seconds_per_day * 1000) : "–") },
  { name: "Confidence", number: true, value: (row) => row.confidence_score, show: (row) => percent(row.confidence_score) },
  { name: "Effort", value: (row) => row.implementation_complexity, show: (row) => row.implementation_complexity },
  { name: "Database", value: (row) => row.database_name, show: (row) => row.database_name || "–" },
  { name: "Found", value: (row) => row.created_at, show: (row) => ago(row.created_at) },
];

/** What was found on all servers: what is not usual now, and what is worth to be done. */
export function Findings() {
  const servers = useList<ServerRow>("/api/v1/servers", 1, { seconds: 30, pages: MANY });
  const of: Servers = new Map((servers.data?.data ?? []).map((one) => [one.collector_id, one]));
  const unusual = useData<{ anomalies: Anomaly[]; total: number }>(`/api/v1/anomalies?severity=all&limit=${ANOMALIES}`, 30);
  const slower = useData<Answer>(`/api/v1/plan-regressions?limit=${LIMIT}`, 60);
  const worth = useData<Recommendation[]>(`/api/v1/optimization-recommendations?limit=${LIMIT}&min_impact=0`, 60);
  return (
    <>
      <h1>Findings on all servers</h1>
      <h2>Not usual now</h2>
      <Show of={unusual}>
        {({ anomalies: rows, total }) => (
          <>
            <Table id="unusual" rows={rows} columns={anomalies(of)} empty="Nothing. A server is watched for this once there are six hours of its samples." />
            <CutAt shown={rows.length} total={total} order="newest" />
          </>
        )}
      </Show>
      <h2>Slower since their plan changed</h2>
      <Show of={slower}>
        {({ plan_regressions: rows, total }) => (
          <>
            <Table id="slower" rows={rows} columns={regressions(of)} empty="No statement. It needs plans of auto_explain, which collectors read from the servers' logs." />
            <CutAt shown={rows.length} total={total} order="first" />
          </>
        )}
      </Show>
      <h2>What is worth most first</h2>
      <Show of={worth}>
        {(rows) => (
          <>
            <Table id="advice" rows={rows} columns={advice(of)} empty="No advice. It is looked for once a day; an admin has it looked for at once under Cluster." />
            <CutAtLimit shown={rows.length} limit={LIMIT} order="first" />
          </>
        )}
      </Show>
    </>
  );
}
