import { useState } from "preact/hooks";
import { call, user } from "../api";
import { useData } from "../data";
import { ago, count } from "../format";
import { Link, Show, Status, Table, type Column } from "../parts";
import { place } from "../router";

export interface Alert {
  id: number;
  name: string;
  rule: string;
  severity: string;
  state: string;
  message: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  metric_value: string;
  created_at: string;
  fired_at?: string;
  resolved_at?: string;
  resolved_reason?: string;
  acknowledged_by?: string;
  acknowledged_at?: string;
  acknowledgement_note?: string;
  is_flapping: boolean;
  quiet?: string;
  comments: { by: string; at: string; text: string }[];
}

/** The watchdog fires always: that is its work, and nothing to look at. */
export const isWatchdog = (alert: Alert) => alert.rule === "N6";

const may = () => user.value?.role !== "viewer";

/** Runs a change and says what went wrong. */
function useChange(): [string, (change: () => Promise<unknown>) => Promise<void>] {
  const [error, setError] = useState("");
  const run = async (change: () => Promise<unknown>) => {
    try {
      await change();
      setError("");
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return [error, run];
}

function Tabs() {
  const tab = (href: string, name: string) => (
    <Link href={href} class={place.value.path === href ? "here" : ""}>{name}</Link>
  );
  return (
    <nav class="tabs" aria-label="Alerts">
      {tab("/alerts", "Alerts")}
      {tab("/alerts/rules", "Rules")}
      {tab("/alerts/channels", "Channels")}
    </nav>
  );
}

function Actions({ alert }: { alert: Alert }) {
  const [error, change] = useChange();
  const [text, setText] = useState("");
  const silence = (hours: number) => {
    const matchers = Object.entries(alert.labels)
      .filter(([label]) => label !== "level")
      .map(([label, value]) => ({ label, value }));
    const to = new Date(Date.now() + hours * 3_600_000).toISOString();
    const comment = text || `silenced at alert ${alert.id}`;
    return change(() => call("POST", "/api/v1/silences", { matchers, to, comment }));
  };
  const path = `/api/v1/alerts/${alert.id}`;
  return (
    <div class="tools">
      <input aria-label="Note" placeholder="Note" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      {alert.acknowledged_by ? (
        <button type="button" onClick={() => change(() => call("POST", `${path}/acknowledge`, { undo: true }))}>Give it back</button>
      ) : (
        <button type="button" onClick={() => change(() => call("POST", `${path}/acknowledge`, { note: text }))}>I take care of it</button>
      )}
      <button type="button" disabled={!text} onClick={() => change(() => call("POST", `${path}/comments`, { text }))}>Comment</button>
      <button type="button" onClick={() => silence(1)}>Silence 1 h</button>
      <button type="button" onClick={() => silence(8)}>8 h</button>
      {error && <span class="error" role="alert">{error}</span>}
    </div>
  );
}

function Card({ alert }: { alert: Alert }) {
  const labels = Object.entries(alert.labels).filter(([label]) => !["rule", "level"].includes(label));
  return (
    <article class={`card alert ${alert.severity}`} aria-label={`${alert.severity}: ${alert.name}`}>
      <h2>
        <Status of={alert.severity} /> {alert.name} <span class="muted">{alert.rule}</span>
      </h2>
      <p>{alert.message}</p>
      {alert.annotations.first_step && <pre class="sql">{alert.annotations.first_step}</pre>}
      <p class="muted">
        {alert.state === "pending" ? "pending" : "fires"} since {ago(alert.fired_at ?? alert.created_at)}
        {alert.is_flapping && " · flapping"}
        {alert.quiet === "silenced" && " · silenced"}
        {alert.quiet === "hidden" && " · said by another alert"}
        {labels.map(([label, value]) => ` · ${label} ${value}`)}
      </p>
      {alert.annotations.why && <p class="muted">{alert.annotations.why}</p>}
      {alert.acknowledged_by && (
        <p>
          {alert.acknowledged_by} takes care of it, {ago(alert.acknowledged_at)}
          {alert.acknowledgement_note && `: ${alert.acknowledgement_note}`}
        </p>
      )}
      {alert.comments.map((one) => (
        <p key={one.at}>
          <span class="muted">{one.by}, {ago(one.at)}:</span> {one.text}
        </p>
      ))}
      {may() && <Actions alert={alert} />}
    </article>
  );
}

const HISTORY: Column<Alert>[] = [
  { name: "Severity", value: (row) => row.severity, show: (row) => <Status of={row.severity} /> },
  { name: "Alert", value: (row) => row.name, show: (row) => row.name },
  { name: "Server", value: (row) => row.labels.server, show: (row) => row.labels.server ?? "–" },
  { name: "Began", value: (row) => row.fired_at, show: (row) => ago(row.fired_at) },
  { name: "Ended", value: (row) => row.resolved_at, show: (row) => `${ago(row.resolved_at)} (${row.resolved_reason})` },
  { name: "What", value: (row) => row.message, show: (row) => row.message },
];

export function Alerts() {
  const open = useData<{ data: Alert[]; total: number }>("/api/v1/alerts?state=open&page_size=100", 5);
  const over = useData<{ data: Alert[] }>("/api/v1/alerts?state=resolved&page_size=100", 30);
  return (
    <>
      <Tabs />
      <h1>Alerts</h1>
      <Show of={open}>
        {({ data, total }) => {
          const shown = data.filter((alert) => !isWatchdog(alert));
          return (
            <>
              {shown.length === 0 && <p class="empty">Nothing is wrong.</p>}
              {shown.map((alert) => <Card key={alert.id} alert={alert} />)}
              {total > data.length && <p class="muted">{count(total - data.length)} more are not shown.</p>}
            </>
          );
        }}
      </Show>
      <h2>Over</h2>
      <Show of={over}>{({ data }) => <Table id="over" rows={data} columns={HISTORY} empty="None yet." />}</Show>
    </>
  );
}

interface Rule {
  key: string;
  name: string;
  severity: string;
  enabled: boolean;
  from: string;
  fire: string;
  for?: string;
  origin: string;
  author?: string;
  firing: number;
  toml: string;
}

function RuleActions({ rule, say }: { rule: Rule; say: (text: string) => void }) {
  const run = async (change: () => Promise<string>) => {
    try {
      say(await change());
    } catch (fault) {
      say((fault as Error).message);
    }
  };
  const path = `/api/v1/alert-rules/${encodeURIComponent(rule.key)}`;
  const dry = () =>
    run(async () => {
      const done = await call<{ message: string; elements_read: number }>("POST", "/api/v1/alert-rules/dry-run", { key: rule.key });
      return `${rule.key} over the last 7 days: ${done.message} (${count(done.elements_read)} elements read)`;
    });
  const toggle = () =>
    run(async () => {
      await call("PATCH", path, { enabled: !rule.enabled });
      return `${rule.key} is ${rule.enabled ? "off" : "on"}.`;
    });
  return (
    <>
      <button type="button" onClick={dry}>Try it on the past</button>
      {user.value?.role === "admin" && <button type="button" onClick={toggle}>{rule.enabled ? "Off" : "On"}</button>}
    </>
  );
}

export function Rules() {
  const rules = useData<Rule[]>("/api/v1/alert-rules", 10);
  const [said, say] = useState("");
  const columns: Column<Rule>[] = [
    { name: "Rule", value: (row) => row.key, show: (row) => row.key },
    { name: "Name", value: (row) => row.name, show: (row) => <details><summary>{row.name}</summary><pre class="sql">{row.toml}</pre></details> },
    { name: "Severity", value: (row) => row.severity, show: (row) => <Status of={row.severity} /> },
    { name: "Looks at", value: (row) => row.from, show: (row) => row.from },
    { name: "Fires when", value: (row) => row.fire, show: (row) => <code>{row.fire}{row.for ? ` for ${row.for}` : ""}</code> },
    { name: "Firing", number: true, value: (row) => row.firing, show: (row) => count(row.firing) },
    { name: "Origin", value: (row) => row.origin, show: (row) => (row.author ? `${row.origin} by ${row.author}` : row.origin) },
    { name: "On", value: (row) => String(row.enabled), show: (row) => (row.enabled ? "yes" : "no") },
    { name: "Do", show: (row) => may() && <RuleActions rule={row} say={say} /> },
  ];
  return (
    <>
      <Tabs />
      <h1>Rules</h1>
      {said && <p role="status">{said}</p>}
      <Show of={rules}>{(rows) => <Table id="rules" rows={rows} columns={columns} empty="No rule." />}</Show>
      <p class="muted"><a href="/api/v1/alert-rules.toml" download>All rules as TOML</a>; PUT the file to the same address to import it.</p>
    </>
  );
}

interface Channel {
  id: number;
  name: string;
  kind: string;
  target: string;
  severities: string[];
  enabled: boolean;
  sent: number;
  waiting: number;
  dead: number;
}

interface Notification {
  id: number;
  channel: string;
  group: string;
  state: string;
  queued_at: string;
  attempts: { at: string; outcome: string }[];
  content: { alerts?: { name: string; status: string }[] };
}

const SENT: Column<Notification>[] = [
  { name: "Queued", value: (row) => row.queued_at, show: (row) => ago(row.queued_at) },
  { name: "Channel", value: (row) => row.channel, show: (row) => row.channel },
  { name: "Alerts", value: (row) => row.content.alerts?.length, show: (row) => row.content.alerts?.map((one) => `${one.name} ${one.status}`).join(", ") },
  { name: "State", value: (row) => row.state, show: (row) => <Status of={row.state} /> },
  { name: "Tries", number: true, value: (row) => row.attempts.length, show: (row) => count(row.attempts.length) },
  { name: "Last answer", value: (row) => row.attempts.at(-1)?.outcome, show: (row) => row.attempts.at(-1)?.outcome ?? "–" },
];

const KINDS = ["webhook", "alertmanager", "alertmanager-webhook", "slack", "teams", "pagerduty"];

function NewChannel() {
  const [error, change] = useChange();
  const submit = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = (name: string) => String(new FormData(form).get(name) ?? "");
    const settings = { url: text("url"), secret: text("secret") };
    void change(async () => {
      await call("POST", "/api/v1/channels", { name: text("name"), kind: text("kind"), settings });
      form.reset();
    });
  };
  return (
    <form class="card apart" onSubmit={submit} aria-label="New channel">
      <h2>New channel</h2>
      <div class="tools">
        <input name="name" aria-label="Name" placeholder="Name" required />
        <select name="kind" aria-label="Kind">{KINDS.map((kind) => <option key={kind}>{kind}</option>)}</select>
        <input name="url" aria-label="Address" placeholder="https://…" />
        <input name="secret" aria-label="Secret" placeholder="Secret or routing key" type="password" autocomplete="off" />
        <button type="submit">Make it</button>
      </div>
      {error && <p class="error" role="alert">{error}</p>}
    </form>
  );
}

export function Channels() {
  const channels = useData<{ data: Channel[] }>("/api/v1/channels?page_size=100", 10);
  const sent = useData<{ data: Notification[] }>("/api/v1/notifications?page_size=100", 10);
  const [said, say] = useState("");
  const test = async (row: Channel) => {
    try {
      const done = await call<{ success: boolean; outcome: string; latency_ms: number }>("POST", `/api/v1/channels/${row.id}/test`);
      say(`${row.name} ${done.success ? "answered" : "failed"} after ${done.latency_ms} ms: ${done.outcome}`);
    } catch (fault) {
      say((fault as Error).message);
    }
  };
  const isAdmin = user.value?.role === "admin";
  const columns: Column<Channel>[] = [
    { name: "Channel", value: (row) => row.name, show: (row) => row.name },
    { name: "Kind", value: (row) => row.kind, show: (row) => row.kind },
    { name: "Goes to", value: (row) => row.target, show: (row) => row.target },
    { name: "Severities", value: (row) => row.severities.join(" "), show: (row) => row.severities.join(", ") },
    { name: "On", value: (row) => String(row.enabled), show: (row) => (row.enabled ? "yes" : "no") },
    { name: "Sent", number: true, value: (row) => row.sent, show: (row) => count(row.sent) },
    { name: "Waiting", number: true, value: (row) => row.waiting, show: (row) => count(row.waiting) },
    { name: "Given up", number: true, value: (row) => row.dead, show: (row) => (row.dead ? <span class="error">{row.dead}</span> : "0") },
    { name: "Do", show: (row) => isAdmin && <button type="button" onClick={() => void test(row)}>Test</button> },
  ];
  return (
    <>
      <Tabs />
      <h1>Channels</h1>
      {said && <p role="status">{said}</p>}
      <Show of={channels}>{({ data }) => <Table id="channels" rows={data} columns={columns} empty="No channel: nobody is told of an alert." />}</Show>
      {isAdmin && <NewChannel />}
      <h2>Notifications</h2>
      <Show of={sent}>{({ data }) => <Table id="sent" rows={data} columns={SENT} empty="None yet." />}</Show>
    </>
  );
}
