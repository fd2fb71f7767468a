// What happened on a server while its figures changed: marks in charts, and a list below them.
import { useData } from "./data";
import { full } from "./format";
import { type Regression, useRegressions } from "./regressions";

export interface Mark {
  /** In seconds since 1970. */
  at: number;
  text: string;
  href?: string;
}

interface Server {
  id: number;
  name: string;
  collector_id: string;
  instances: { postmaster_start_time?: string }[];
}

interface Told {
  /** How many alerts there are; those that were told are the newest. */
  alertsInAll?: number;
  regressions?: Regression[];
  alerts?: { id: number; rule: string; name: string; severity: string; message: string; fired_at?: string }[];
  anomalies?: { metric_name: string; subject: string; started_at: string }[];
  snapshots?: { name: string; snapshot_type?: string; from?: string; to?: string; created_at: string }[];
  settings?: { timestamp: string; rows: { name: string; setting: string | null; unit: string | null }[] }[];
}

/** More changed settings at once are an upgrade or another server: they are counted. */
const NAMED = 4;

/** What was told, as marks in a range of milliseconds, the oldest first. */
export function marksOf(server: Server, told: Told, from: number, to: number): Mark[] {
  const marks: Mark[] = [];
  const add = (time: string | undefined, text: string, href?: string) => {
    const at = Date.parse(time ?? "");
    if (at >= from && at <= to) marks.push({ at: at / 1000, text: `${full(at).slice(11)} ${text}`, href });
  };
  for (const instance of server.instances) add(instance.postmaster_start_time, "the server was started");
  for (const alert of told.alerts ?? []) {
    // The watchdog fires always; a start is said above.
    if (alert.rule !== "N6" && alert.rule !== "A2.planned") add(alert.fired_at, `${alert.severity} ${alert.name}: ${alert.message}`, `/alerts?alert=${alert.id}`);
  }
  const alerts = told.alerts ?? [];
  if ((told.alertsInAll ?? 0) > alerts.length) add(alerts.at(-1)?.fired_at, `alerts before this are not marked: there are ${told.alertsInAll}`, `/alerts?server=${encodeURIComponent(server.name)}`);
  for (const one of told.regressions ?? []) add(one.since, `slower with another plan: ${one.query_text.replace(/\s+/g, " ").slice(0, 80)}`, `/servers/${server.id}/queries/${one.query_hash}`);
  for (const one of told.anomalies ?? []) add(one.started_at, `unusual: ${one.metric_name.replaceAll("_", " ")} of ${one.subject}`, `/servers/${server.id}/unusual`);
  for (const one of told.snapshots ?? []) add(one.to ?? one.created_at, `${one.snapshot_type || "snapshot"} ${one.name}`);
  // A collector sends all settings when it starts, and then those that changed.
  const known = new Map<string, string>();
  for (const element of [...(told.settings ?? [])].sort((one, other) => one.timestamp.localeCompare(other.timestamp))) {
    const text = (row: { setting: string | null; unit: string | null }) => `${row.setting}${row.unit ? (/^\d/.test(row.unit) ? ` × ${row.unit}` : ` ${row.unit}`) : ""}`;
    const changed = element.rows.filter((row) => known.has(row.name) && known.get(row.name) !== text(row));
    const names = changed.map((row) => `${row.name} = ${text(row)}, was ${known.get(row.name)}`);
    for (const row of element.rows) known.set(row.name, text(row));
    if (names.length > 0) add(element.timestamp, names.length <= NAMED ? `setting ${names.join("; ")}` : `${names.length} settings changed`);
  }
  return marks.sort((one, other) => one.at - other.at);
}

/** What happened on a server in a range of milliseconds. */
export function useMarks(server: Server, from: number, to: number): Mark[] {
  const own = encodeURIComponent(server.collector_id);
  const alerts = useData<{ data: Told["alerts"]; total: number }>(`/api/v1/alerts?page_size=100&server=${encodeURIComponent(server.name)}`, 30);
  const anomalies = useData<{ anomalies: Told["anomalies"] }>(`/api/v1/anomalies?severity=all&state=all&limit=100&collector_id=${own}`, 60);
  const snapshots = useData<{ snapshots: Told["snapshots"] }>("/api/v1/snapshots?limit=100", 60);
  const regressions = useRegressions(server.collector_id);
  const settings = useData<{ data: Told["settings"] }>(`/api/v1/collectors/${own}/metrics?type=pg_setting&order=desc&limit=12`, 60);
  return marksOf(server, { alerts: alerts.data?.data, alertsInAll: alerts.data?.total, regressions: regressions.data?.plan_regressions, anomalies: anomalies.data?.anomalies, snapshots: snapshots.data?.snapshots, settings: settings.data?.data }, from, to);
}
