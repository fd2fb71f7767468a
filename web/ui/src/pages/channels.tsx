import { useState } from "preact/hooks";
import { call, user } from "../api";
import { useList } from "../data";
import { ago, count } from "../format";
import { Status, Sure, useChange } from "../parts";
import { Listed, partOf, type Column } from "../table";
import { Tabs } from "./alerts";
import { AlertRoutes } from "./routes";

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

/** What a channel is beside its settings. */
const KEPT = ["name", "kind", "severities", "matchers", "group_by", "group_wait_seconds", "group_interval_seconds", "repeat_interval_seconds", "send_resolved"];

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

/** What each kind wants to know; the secret of a webhook signs what is sent. */
const KINDS: Record<string, { url?: string; secret?: string }> = {
  email: {},
  webhook: { url: "https://…", secret: "Secret to sign with (may be empty)" },
  alertmanager: { url: "http://alertmanager:9093" },
  "alertmanager-webhook": { url: "https://…" },
  slack: { url: "https://hooks.slack.com/…" },
  teams: { url: "https://…" },
  pagerduty: { secret: "Routing key" },
};

const SEVERITIES = ["critical", "warning", "info"];

/** Where mail goes out, and to whom. */
function Mail() {
  return (
    <div class="fields">
      <label>Mail server <input name="host" required placeholder="smtp.example.org" /></label>
      <label>Port <input name="port" type="number" min="1" max="65535" placeholder="587, 465 or 25 by encryption" /></label>
      <label>
        Encryption
        <select name="tls">
          <option value="starttls">STARTTLS</option>
          <option value="implicit">TLS from the beginning</option>
          <option value="none">none (allowed networks only)</option>
        </select>
      </label>
      <label>User <input name="username" autocomplete="off" /></label>
      <label>Password <input name="password" type="password" autocomplete="new-password" /></label>
      <label>From <input name="from" required placeholder="pgAnalytics <pga@example.org>" /></label>
      <label>To, separated by commas <input name="to" required placeholder="ops@example.org" /></label>
      <label>Times in <input name="time_zone" placeholder="UTC, or such as +02:00" /></label>
    </div>
  );
}

function NewChannel() {
  const [error, change] = useChange();
  const [kind, setKind] = useState("email");
  const asked = KINDS[kind];
  const submit = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    const set = (names: string[]) => Object.fromEntries(names.filter((name) => text(name) !== "").map((name) => [name, text(name)]));
    const mail = () => ({
      ...set(["host", "tls", "username", "password", "from", "time_zone"]),
      ...(text("port") ? { port: Number(text("port")) } : {}),
      to: text("to").split(",").map((one) => one.trim()).filter(Boolean),
    });
    const settings = kind === "email" ? { mail: mail() } : set(["url", "secret"]);
    void change(async () => {
      await call("POST", "/api/v1/channels", { name: text("name"), kind, settings, severities: SEVERITIES.filter((one) => given.has(one)) });
      form.reset();
    });
  };
  return (
    <form class="card apart" onSubmit={submit} aria-label="New channel">
      <h2>New channel</h2>
      <div class="tools">
        <input name="name" aria-label="Name" placeholder="Name" required />
        <select aria-label="Kind" value={kind} onChange={(event) => setKind(event.currentTarget.value)}>{Object.keys(KINDS).map((kind) => <option key={kind}>{kind}</option>)}</select>
        {SEVERITIES.map((one) => <label key={one}><input type="checkbox" name={one} defaultChecked={one !== "info"} /> {one}</label>)}
      </div>
      {kind === "email" && <Mail />}
      {(asked.url || asked.secret) && (
        <div class="fields">
          {asked.url && <label>Address <input name="url" required placeholder={asked.url} /></label>}
          {asked.secret && <label>Secret <input name="secret" placeholder={asked.secret} type="password" autocomplete="off" required={kind === "pagerduty"} /></label>}
        </div>
      )}
      {error && <p class="error" role="alert">{error}</p>}
      <button type="submit">Make it</button> <span class="muted">Nothing is sent by that: try it with Test.</span>
    </form>
  );
}

export function Channels() {
  const channels = useList<Channel>("/api/v1/channels", partOf("channels"));
  const sent = useList<Notification>("/api/v1/notifications", partOf("sent"));
  const [said, say] = useState("");
  const [error, change] = useChange();
  const test = (row: Channel) =>
    change(async () => {
      say(`${row.name} is tried…`);
      const done = await call<{ success: boolean; outcome: string; latency_ms: number }>("POST", `/api/v1/channels/${row.id}/test`);
      say(`${row.name} ${done.success ? "answered" : "failed"} after ${done.latency_ms} ms: ${done.outcome}`);
    });
  // Without settings a channel keeps those it has; all else is given again.
  const toggle = (row: Channel) =>
    change(async () => {
      const path = `/api/v1/channels/${row.id}`;
      const one = await call<Record<string, unknown>>("GET", path);
      await call("PUT", path, { ...Object.fromEntries(KEPT.map((name) => [name, one[name]])), enabled: !row.enabled });
    });
  const isAdmin = user.value?.role === "admin";
  const columns: Column<Channel>[] = [
    { name: "Channel", value: (row) => row.name, show: (row) => row.name },
    { name: "Kind", value: (row) => row.kind, show: (row) => row.kind },
    { name: "Goes to", value: (row) => row.target, show: (row) => row.target },
    { name: "Severities", value: (row) => row.severities.join(" "), show: (row) => row.severities.join(", ") || "all" },
    { name: "On", value: (row) => String(row.enabled), show: (row) => (row.enabled ? "yes" : <span class="error">no</span>) },
    { name: "Sent", number: true, value: (row) => row.sent, show: (row) => count(row.sent) },
    { name: "Waiting", number: true, value: (row) => row.waiting, show: (row) => count(row.waiting) },
    { name: "Given up", number: true, value: (row) => row.dead, show: (row) => (row.dead ? <span class="error">{row.dead}</span> : "0") },
    {
      name: "Do",
      show: (row) =>
        isAdmin && (
          <>
            <button type="button" onClick={() => void test(row)}>Test</button>
            <button type="button" onClick={() => void toggle(row)}>{row.enabled ? "Off" : "On"}</button>
            <Sure name="Delete" question="Delete it, with what waits?" does={() => void change(() => call("DELETE", `/api/v1/channels/${row.id}`))} />
          </>
        ),
    },
  ];
  return (
    <>
      <Tabs />
      <h1>Channels</h1>
      {said && <p role="status">{said}</p>}
      {error && <p class="error" role="alert">{error}</p>}
      <Listed id="channels" of={channels} columns={columns} empty={`No channel: nobody is told of an alert. ${isAdmin ? "Make one below." : "An admin makes one here."}`} />
      {isAdmin && <NewChannel />}
      <AlertRoutes channels={channels.data?.data.map((one) => one.name) ?? []} />
      <h2>Notifications</h2>
      <Listed id="sent" of={sent} columns={SENT} empty="None yet: one is queued when an alert begins that a channel takes." />
    </>
  );
}
