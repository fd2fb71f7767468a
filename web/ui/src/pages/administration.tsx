import { useState } from "preact/hooks";
import { call } from "../api";
import { useData } from "../data";
import { ago, count } from "../format";
import { Show, Status, Table, type Column } from "../parts";

interface Collector {
  id: string;
  name: string;
  hostname: string;
  version?: string;
  status: string;
  last_seen?: string;
  metrics_count_24h: number;
  push_interval_seconds: number;
  config_version: number;
  config_told_version?: number;
  group?: string;
}

const COLLECTORS: Column<Collector>[] = [
  { name: "Collector", value: (row) => row.name, show: (row) => row.name },
  { name: "Host", value: (row) => row.hostname, show: (row) => row.hostname },
  { name: "Status", value: (row) => row.status, show: (row) => <Status of={row.status} /> },
  { name: "Last seen", value: (row) => row.last_seen, show: (row) => ago(row.last_seen) },
  { name: "Pushes every", number: true, value: (row) => row.push_interval_seconds, show: (row) => `${count(row.push_interval_seconds)} s` },
  { name: "Elements in 24 h", number: true, value: (row) => row.metrics_count_24h, show: (row) => count(row.metrics_count_24h) },
  { name: "Configuration", number: true, value: (row) => row.config_told_version, show: (row) => (row.config_told_version === undefined ? "not fetched" : `${row.config_told_version} of ${row.config_version}`) },
  { name: "Version", value: (row) => row.version, show: (row) => row.version ?? "–" },
];

function NewSecret() {
  const [made, setMade] = useState("");
  const [error, setError] = useState("");
  const make = async () => {
    try {
      const name = `page ${new Date().toISOString()}`;
      const expires = new Date(Date.now() + 86_400_000).toISOString();
      const secret = await call<{ secret: string }>("POST", "/api/v1/registration-secrets", { name, expires_at: expires, max_uses: 10 });
      setMade(secret.secret);
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return (
    <section class="card apart">
      <h2>Connect a server</h2>
      {error && <p class="error" role="alert">{error}</p>}
      {made ? (
        <>
          <p>This secret is shown once; it is good for ten collectors and a day. On the database's host:</p>
          <pre class="sql">{`pganalytics collect --nodes ${location.origin} --registration-secret ${made} \\
  --dsn postgres://monitor@localhost/postgres`}</pre>
        </>
      ) : (
        <button type="button" onClick={make}>Make a registration secret</button>
      )}
    </section>
  );
}

export function Collectors() {
  const found = useData<{ data: Collector[]; total: number }>("/api/v1/collectors?page_size=100", 5);
  return (
    <>
      <h1>Collectors</h1>
      <Show of={found}>{({ data }) => <Table id="collectors" rows={data} columns={COLLECTORS} empty="No collector yet." />}</Show>
      <NewSecret />
    </>
  );
}

interface Person {
  id: number;
  username: string;
  email: string;
  role: string;
  is_active: boolean;
  last_login?: string;
}

const PEOPLE: Column<Person>[] = [
  { name: "Name", value: (row) => row.username, show: (row) => row.username },
  { name: "Mail", value: (row) => row.email, show: (row) => row.email },
  { name: "Role", value: (row) => row.role, show: (row) => row.role },
  { name: "Active", value: (row) => String(row.is_active), show: (row) => (row.is_active ? "yes" : <span class="error">no</span>) },
  { name: "Last login", value: (row) => row.last_login, show: (row) => ago(row.last_login) },
];

export function People() {
  const found = useData<{ data: Person[] }>("/api/v1/users?page_size=100", 15);
  return (
    <>
      <h1>People</h1>
      <Show of={found}>{({ data }) => <Table id="people" rows={data} columns={PEOPLE} empty="Nobody." />}</Show>
      <p class="muted">pganalytics user add NAME --email … --config … adds one.</p>
    </>
  );
}

interface Entry {
  id: number;
  at: string;
  actor: string;
  address: string;
  action: string;
  target: string;
  before?: unknown;
  after?: unknown;
}

const ENTRIES: Column<Entry>[] = [
  { name: "When", value: (row) => row.at, show: (row) => new Date(row.at).toLocaleString() },
  { name: "Who", value: (row) => row.actor, show: (row) => row.actor },
  { name: "From", value: (row) => row.address, show: (row) => row.address || "–" },
  { name: "Did", value: (row) => row.action, show: (row) => row.action },
  { name: "To", value: (row) => row.target, show: (row) => row.target },
  { name: "After", value: (row) => JSON.stringify(row.after ?? ""), show: (row) => <code class="sql">{row.after ? JSON.stringify(row.after) : ""}</code> },
];

export function Audit() {
  const found = useData<{ data: Entry[]; total: number }>("/api/v1/audit?page_size=100", 15);
  return (
    <>
      <h1>Audit log</h1>
      <Show of={found}>{({ data }) => <Table id="audit" rows={data} columns={ENTRIES} empty="Nothing was changed yet." />}</Show>
    </>
  );
}
