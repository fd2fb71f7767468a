import { useState } from "preact/hooks";
import { call, user } from "../api";
import { MANY, useData, useList } from "../data";
import { ago, clock, count } from "../format";
import { Link, Show, Status, Sure, useChange } from "../parts";
import { go, place, withArgs } from "../router";
import { Listed, Pager, partOf, Table, type Column } from "../table";

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

export function Tabs() {
  const tab = (href: string, name: string) => (
    <Link href={href} class={place.value.path === href ? "here" : ""}>{name}</Link>
  );
  return (
    <nav class="tabs" aria-label="Alerts">
      {tab("/alerts", "Alerts")}
      {tab("/alerts/rules", "Rules")}
      {tab("/alerts/silences", "Silences")}
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
        {alert.state === "pending" ? "not yet for long enough, seen" : "began"} {ago(alert.fired_at ?? alert.created_at)}
        {alert.resolved_at && ` · over since ${clock(alert.resolved_at)} (${alert.resolved_reason})`}
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
      {may() && !alert.resolved_at && <Actions alert={alert} />}
    </article>
  );
}

const HISTORY: Column<Alert>[] = [
  { name: "Severity", value: (row) => row.severity, show: (row) => <Status of={row.severity} /> },
  { name: "Alert", value: (row) => row.name, show: (row) => <Link href={`/alerts?alert=${row.id}`}>{row.name}</Link> },
  { name: "Server", value: (row) => row.labels.server, show: (row) => row.labels.server ?? "–" },
  { name: "Began", value: (row) => row.fired_at, show: (row) => ago(row.fired_at) },
  { name: "Ended", value: (row) => row.resolved_at, show: (row) => `${ago(row.resolved_at)} (${row.resolved_reason})` },
  { name: "What", value: (row) => row.message, show: (row) => row.message },
];

/** So many of one rule and severity are one card: a storm has to fit the screen. */
const STORM = 4;

/** Alerts of one rule and severity, in the order that they were told. */
export function grouped(alerts: Alert[]): Alert[][] {
  const groups = new Map<string, Alert[]>();
  for (const alert of alerts) {
    const key = `${alert.severity} ${alert.rule} ${alert.state}`;
    groups.set(key, [...(groups.get(key) ?? []), alert]);
  }
  return [...groups.values()];
}

/** Many alerts of one rule: whom they are about, and each of them when it is opened. */
function Storm({ alerts }: { alerts: Alert[] }) {
  const [isOpen, open] = useState(false);
  const [error, change] = useChange();
  const { name, rule, severity, state, labels } = alerts[0];
  const about = [...new Set(alerts.map((one) => one.labels.server ?? one.message))];
  const silence = () => {
    const to = new Date(Date.now() + 3_600_000).toISOString();
    return change(() => call("POST", "/api/v1/silences", { matchers: [{ label: "rule", value: labels.rule }], to, comment: `the rule ${rule}, of which ${alerts.length} alerts were open` }));
  };
  const taken = alerts.filter((one) => one.acknowledged_by).length;
  return (
    <article class={`card alert ${severity}`} aria-label={`${severity}: ${alerts.length} of ${name}`}>
      <h2>
        <Status of={severity} /> {alerts.length} × {name} <span class="muted">{rule}{state === "pending" && ", not yet for long enough"}</span>
      </h2>
      <p>{about.slice(0, 8).join(", ")}{about.length > 8 && ` and ${about.length - 8} more`}</p>
      <p class="muted">the first began {ago(alerts.map((one) => one.fired_at ?? one.created_at).sort()[0])}{taken > 0 && ` · ${taken} taken care of`}</p>
      <div class="tools">
        <button type="button" aria-expanded={isOpen} onClick={() => open(!isOpen)}>{isOpen ? "Close" : "Each of them"}</button>
        {may() && labels.rule && <Sure name="Silence the rule 1 h" question="On all servers?" does={() => void silence()} />}
        {error && <span class="error" role="alert">{error}</span>}
      </div>
      {isOpen && alerts.map((alert) => <Card key={alert.id} alert={alert} />)}
    </article>
  );
}

/** One alert, open or over: where a search or a link leads to. */
function One({ id }: { id: string }) {
  const found = useData<Alert>(`/api/v1/alerts/${encodeURIComponent(id)}`, 5);
  return (
    <>
      <Tabs />
      <h1>Alert {id}</h1>
      <Show of={found}>{(alert) => <Card alert={alert} />}</Show>
      <p><Link href="/alerts">All alerts</Link></p>
    </>
  );
}

/** Which alerts are shown: of a severity, and of the server or the rule that a link names. */
function Choice() {
  const { args } = place.value;
  return (
    <div class="tools">
      <select aria-label="Severity" value={args.get("severity") ?? ""} onChange={(event) => go(withArgs({ severity: event.currentTarget.value || null, "open.page": null, "over.page": null }))}>
        <option value="">all severities</option>
        {["critical", "warning", "info"].map((one) => <option key={one}>{one}</option>)}
      </select>
      {["server", "rule"].map((name) => args.get(name) && (
        <span key={name}>
          of the {name} <b>{args.get(name)}</b> <button type="button" onClick={() => go(withArgs({ [name]: null, "open.page": null, "over.page": null }))}>of all</button>
        </span>
      ))}
    </div>
  );
}

function All() {
  const { args } = place.value;
  const chosen = ["severity", "server", "rule"].filter((name) => args.get(name));
  const filter = chosen.map((name) => `&${name}=${encodeURIComponent(args.get(name) ?? "")}`).join("");
  const open = useList<Alert>(`/api/v1/alerts?state=open${filter}`, partOf("open"), { seconds: 5, pages: MANY });
  const over = useList<Alert>(`/api/v1/alerts?state=resolved${filter}`, partOf("over"), { seconds: 30 });
  return (
    <>
      <Tabs />
      <h1>Alerts</h1>
      <Choice />
      <Show of={open}>
        {(part) => {
          const shown = part.data.filter((alert) => !isWatchdog(alert));
          const isNone = shown.length === 0 && part.total === part.data.length;
          return (
            <>
              {isNone && <p class="empty">{chosen.length > 0 ? "None of these is open." : "Nothing is wrong: every rule was looked at, and none fires."}</p>}
              {grouped(shown).flatMap((group) =>
                group.length < STORM ? group.map((alert) => <Card key={alert.id} alert={alert} />) : [<Storm key={`storm ${group[0].id}`} alerts={group} />],
              )}
              <Pager id="open" of={part} />
            </>
          );
        }}
      </Show>
      <h2>Over</h2>
      <Listed id="over" of={over} columns={HISTORY} empty={chosen.length > 0 ? "None of these." : "None yet."} />
    </>
  );
}

export function Alerts() {
  const only = place.value.args.get("alert");
  return only ? <One id={only} /> : <All />;
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
      {user.value?.role === "admin" && rule.author && (
        <Sure name="Forget" question={rule.origin === "default" ? "As it was delivered?" : "Forget it?"} does={() => void run(async () => { await call("DELETE", path); return `${rule.key} is forgotten.`; })} />
      )}
    </>
  );
}

/** Rules of one's own as TOML: all are taken, or none and it is said why. */
function Import({ say }: { say: (text: string) => void }) {
  const [error, change] = useChange();
  const [text, setText] = useState("");
  const store = (event: Event) => {
    event.preventDefault();
    void change(async () => {
      const done = await call<{ message?: string }>("PUT", "/api/v1/alert-rules.toml", text);
      say(done?.message ?? "Stored.");
      setText("");
    });
  };
  const read = async (event: { currentTarget: HTMLInputElement }) => {
    const file = event.currentTarget.files?.[0];
    if (file) setText(await file.text());
  };
  return (
    <details class="card apart">
      <summary>Write or import rules</summary>
      <form onSubmit={store} aria-label="Rules as TOML">
        <p class="muted">One or more tables [[rule]]; a rule of a known id replaces it, and a default rule that was changed is as it was once it is forgotten.</p>
        <label>A file <input type="file" accept=".toml,text/plain" onChange={(event) => void read(event)} /></label>
        <textarea aria-label="Rules (TOML)" spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
        {error && <p class="error" role="alert">{error}</p>}
        <button type="submit" disabled={text.trim() === ""}>Store them</button>
      </form>
    </details>
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
    { name: "Fires when", value: (row) => row.fire, show: (row) => <code class="sql" title={row.fire}>{row.fire}{row.for ? ` for ${row.for}` : ""}</code> },
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
      <p class="muted"><a href="/api/v1/alert-rules.toml" download>All rules as TOML</a>{user.value?.role !== "admin" && "; an admin imports such a file here."}</p>
      {user.value?.role === "admin" && <Import say={say} />}
    </>
  );
}
