import { useState } from "preact/hooks";
import { call, user } from "../api";
import { Connect } from "../connect";
import { MANY, useData, useList } from "../data";
import { ago, count, full } from "../format";
import { Link, Show, Status, Sure, useChange, useTitle } from "../parts";
import { go, kept, place, withArgs } from "../router";
import { Listed, partOf, type Column } from "../table";
import { Configuration, ofCollector, ofGroup } from "./configuration";

interface Collector {
  id: string;
  name: string;
  hostname: string;
  version?: string;
  status: string;
  last_seen?: string;
  created_at: string;
  description?: string;
  environment?: string;
  metrics_count_24h: number;
  push_interval_seconds: number;
  config_version: number;
  config_told_version?: number;
  group?: string;
  server_id?: number;
  last_error?: { reason: string; message: string; at: string; node: number };
  clock_ahead_seconds?: number;
}

const COLLECTORS: Column<Collector>[] = [
  { name: "Collector", value: (row) => row.name, show: (row) => <Link href={`/collectors/${row.id}`}>{row.name}</Link> },
  { name: "Status", value: (row) => row.status, show: (row) => <Status of={row.status} /> },
  { name: "Last seen", value: (row) => row.last_seen, show: (row) => ago(row.last_seen) },
  { name: "Host", value: (row) => row.hostname, show: (row) => row.hostname },
  { name: "Pushes every", number: true, value: (row) => row.push_interval_seconds, show: (row) => `${count(row.push_interval_seconds)} s` },
  { name: "Elements in 24 h", number: true, value: (row) => row.metrics_count_24h, show: (row) => count(row.metrics_count_24h) },
  { name: "Group", value: (row) => row.group, show: (row) => row.group || "default" },
  { name: "Configuration", number: true, value: (row) => row.config_told_version, show: (row) => (row.config_told_version === undefined ? "not fetched" : `${row.config_told_version} of ${row.config_version}`) },
  { name: "Version", value: (row) => row.version, show: (row) => row.version ?? "–" },
  {
    name: "Last refusal",
    value: (row) => row.last_error?.at,
    show: (row) => (row.last_error ? <span title={row.last_error.message}>{ago(row.last_error.at)}: {row.last_error.reason}</span> : "–"),
  },
];

interface Secret {
  id: string;
  name: string;
  status: string;
  uses: number;
  max_uses?: number;
  created_by: string;
  expires_at?: string;
  last_used_at?: string;
}

function Secrets() {
  const found = useList<Secret>("/api/v1/registration-secrets", partOf("secrets"), { seconds: 15 });
  const [error, change] = useChange();
  const columns: Column<Secret>[] = [
    { name: "Secret", value: (row) => row.name, show: (row) => row.name },
    { name: "Status", value: (row) => row.status, show: (row) => <Status of={row.status} /> },
    { name: "Used", number: true, value: (row) => row.uses, show: (row) => (row.max_uses ? `${row.uses} of ${row.max_uses}` : row.uses) },
    { name: "Made by", value: (row) => row.created_by, show: (row) => row.created_by },
    { name: "Ends", value: (row) => row.expires_at, show: (row) => (row.expires_at ? full(row.expires_at) : "never") },
    { name: "Last used", value: (row) => row.last_used_at, show: (row) => ago(row.last_used_at) },
    {
      name: "Do",
      show: (row) =>
        row.status === "active" && <Sure name="Revoke" question="No collector registers with it any more?" does={() => void change(() => call("DELETE", `/api/v1/registration-secrets/${row.id}`))} />,
    },
  ];
  return (
    <>
      <h2>Registration secrets</h2>
      {error && <p class="error" role="alert">{error}</p>}
      <Listed id="secrets" of={found} columns={columns} empty="None. A collector needs one to register; make it above." />
    </>
  );
}

export function Collectors() {
  const status = place.value.args.get("status") ?? "";
  const found = useList<Collector>(`/api/v1/collectors${status && `?status=${encodeURIComponent(status)}`}`, partOf("collectors"), { seconds: 5, pages: MANY });
  const groups = useData<{ data: { name?: string; group?: string }[] }>("/api/v1/config-groups", 30);
  const [group, setGroup] = useState("");
  const isAdmin = user.value?.role === "admin";
  const names = [...new Set(["default", ...(groups.data?.data ?? []).map((one) => one.name ?? one.group ?? ""), ...(found.data?.data ?? []).map((one) => one.group ?? "")])].filter(Boolean);
  return (
    <>
      <h1>Collectors</h1>
      <div class="tools">
        <label>
          Status <select value={status} onChange={(event) => go(withArgs({ status: event.currentTarget.value || null, "collectors.page": null }))}>
            <option value="">all</option>
            {["offline", "late", "registered", "active"].map((one) => <option key={one}>{one}</option>)}
          </select>
        </label>
      </div>
      <Listed id="collectors" of={found} columns={COLLECTORS} empty={status ? `None is ${status}.` : "No collector yet: make a registration secret below, and run the command it shows on the database's host."} />
      {isAdmin && <Connect title="Connect a server" />}
      {isAdmin && <Secrets />}
      <h2>Configuration by group</h2>
      <div class="tools">
        {names.map((name) => <button type="button" key={name} aria-pressed={group === name} onClick={() => setGroup(group === name ? "" : name)}>{name}</button>)}
      </div>
      {group && <Configuration key={group} at={ofGroup(group)} />}
    </>
  );
}

/** What people decide about a collector. */
function Settings({ one }: { one: Collector }) {
  const [error, change] = useChange();
  const save = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? "");
    void change(() => call("PATCH", `/api/v1/collectors/${one.id}`, { name: text("name"), group: text("group"), environment: text("environment"), description: text("description") }));
  };
  return (
    <form class="card" onSubmit={save} aria-label="About it">
      <div class="fields">
        <label>Name <input name="name" defaultValue={one.name} required /></label>
        <label>Group <input name="group" defaultValue={one.group ?? ""} placeholder="default" /></label>
        <label>Environment <input name="environment" defaultValue={one.environment ?? ""} placeholder="production" /></label>
        <label>Description <input name="description" defaultValue={one.description ?? ""} /></label>
      </div>
      <div class="tools">
        <button type="submit">Save</button>
        <Sure
          name="Forget this collector"
          question="Its token is good no more; its data stay. Forget it?"
          does={() => void change(async () => { await call("DELETE", `/api/v1/collectors/${one.id}`); go(kept("/collectors")); })}
        />
        {error && <span class="error" role="alert">{error}</span>}
      </div>
    </form>
  );
}

export function OneCollector({ id }: { id: string }) {
  const found = useData<Collector>(`/api/v1/collectors/${encodeURIComponent(id)}`, 10);
  useTitle(found.data?.name);
  return (
    <Show of={found}>
      {(one) => (
        <>
          <div class="head">
            <h1>{one.name}</h1>
            <Status of={one.status} />
            <span class="muted">last seen {ago(one.last_seen)} · since {full(one.created_at)} · version {one.version ?? "unknown"} · {one.id}</span>
            {one.server_id && <Link href={`/servers/${one.server_id}`}>its server</Link>}
          </div>
          {user.value?.role === "admin" && <Settings key={one.id} one={one} />}
          <p class="muted">
            {one.config_told_version === undefined ? "It has fetched no configuration from the cluster." : `It runs version ${one.config_told_version} of its configuration; the newest is ${one.config_version}.`}
          </p>
          <Configuration at={ofCollector(one.id)} />
          <Configuration at={ofGroup(one.group || "default")} />
        </>
      )}
    </Show>
  );
}
