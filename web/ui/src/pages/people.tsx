import { useState } from "preact/hooks";
import { call, user, whoami } from "../api";
import { MANY, useList } from "../data";
import { ago, full } from "../format";
import { Once, Sure, useChange } from "../parts";
import { Listed, partOf, type Column } from "../table";

interface Person {
  id: number;
  username: string;
  email: string;
  full_name?: string;
  role: string;
  is_active: boolean;
  password_changed: boolean;
  last_login?: string;
}

const ROLES = ["viewer", "user", "admin"];

function NewPerson({ say }: { say: (told: [string, string]) => void }) {
  const [error, change] = useChange();
  const add = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = (name: string) => String(new FormData(form).get(name) ?? "");
    const body = { username: text("username"), email: text("email"), full_name: text("full_name"), role: text("role") };
    void change(async () => {
      const made = await call<{ temporary_password?: string }>("POST", "/api/v1/users", body);
      say([body.username, made.temporary_password ?? ""]);
      form.reset();
    });
  };
  return (
    <form class="card apart" onSubmit={add} aria-label="New person">
      <h2>New person</h2>
      <div class="fields">
        <label>Name to log in with <input name="username" required autocomplete="off" /></label>
        <label>Mail <input name="email" type="email" required autocomplete="off" /></label>
        <label>Full name <input name="full_name" autocomplete="off" /></label>
        <label>Role <select name="role">{ROLES.map((role) => <option key={role} selected={role === "user"}>{role}</option>)}</select></label>
      </div>
      <p class="muted">A viewer reads; a user also acknowledges, silences, dismisses and takes snapshots; an admin does all. The password is made up, and shown once.</p>
      {error && <p class="error" role="alert">{error}</p>}
      <button type="submit">Add</button>
    </form>
  );
}

export function People() {
  const found = useList<Person>("/api/v1/users", partOf("people"), { seconds: 15, pages: MANY });
  const [error, change] = useChange();
  const [[name, password], say] = useState<[string, string]>(["", ""]);
  const path = (row: Person) => `/api/v1/users/${row.id}`;
  const isMe = (row: Person) => row.username === user.value?.username;
  const reset = (row: Person) => change(async () => say([row.username, (await call<{ temporary_password: string }>("POST", `${path(row)}/reset-password`)).temporary_password]));
  const columns: Column<Person>[] = [
    { name: "Name", value: (row) => row.username, show: (row) => (row.full_name ? `${row.username} (${row.full_name})` : row.username) },
    { name: "Mail", value: (row) => row.email, show: (row) => row.email },
    {
      name: "Role",
      value: (row) => row.role,
      show: (row) =>
        isMe(row) ? (
          row.role
        ) : (
          <select aria-label={`Role of ${row.username}`} value={row.role} onChange={(event) => void change(() => call("PATCH", path(row), { role: event.currentTarget.value }))}>
            {ROLES.map((role) => <option key={role}>{role}</option>)}
          </select>
        ),
    },
    { name: "Active", value: (row) => String(row.is_active), show: (row) => (row.is_active ? "yes" : <span class="error">no</span>) },
    { name: "Password", value: (row) => String(row.password_changed), show: (row) => (row.password_changed ? "own" : "as it was given") },
    { name: "Last login", value: (row) => row.last_login, show: (row) => ago(row.last_login) },
    {
      name: "Do",
      show: (row) =>
        isMe(row) ? (
          <span class="muted">you</span>
        ) : (
          <>
            <button type="button" onClick={() => void change(() => call("PATCH", path(row), { is_active: !row.is_active }))}>{row.is_active ? "Disable" : "Enable"}</button>
            <Sure name="New password" question={`Log ${row.username} out everywhere?`} does={() => void reset(row)} />
            <Sure name="Remove" question={`Remove ${row.username}, with all tokens?`} does={() => void change(() => call("DELETE", path(row)))} />
          </>
        ),
    },
  ];
  return (
    <>
      <h1>People</h1>
      {error && <p class="error" role="alert">{error}</p>}
      <Once text={password}><p>Password of {name}:</p></Once>
      <Listed id="people" of={found} columns={columns} empty="Nobody." />
      <NewPerson say={say} />
    </>
  );
}

interface Token {
  id: string;
  name: string;
  scope: string;
  username: string;
  created_at: string;
  expires_at?: string;
  last_used_at?: string;
}

function NewToken() {
  const [error, change] = useChange();
  const [made, setMade] = useState("");
  const allowed = ROLES.slice(0, ROLES.indexOf(user.value?.role ?? "viewer") + 1);
  const make = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = (name: string) => String(new FormData(form).get(name) ?? "");
    const expires = text("days") === "" ? undefined : new Date(Date.now() + Number(text("days")) * 86_400_000).toISOString();
    void change(async () => {
      setMade((await call<{ token: string }>("POST", "/api/v1/api-tokens", { name: text("name"), scope: text("scope"), expires_at: expires })).token);
      form.reset();
    });
  };
  return (
    <form class="card apart" onSubmit={make} aria-label="New API token">
      <h2>New API token</h2>
      <div class="tools">
        <input name="name" aria-label="What it is for" placeholder="What it is for" required />
        <label>May <select name="scope">{allowed.map((role) => <option key={role} value={role}>what a {role} may</option>)}</select></label>
        <label>
          Good for <select name="days"><option value="1">a day</option><option value="90" selected>90 days</option><option value="365">a year</option><option value="">ever</option></select>
        </label>
        <button type="submit">Make a token</button>
      </div>
      {error && <p class="error" role="alert">{error}</p>}
      <Once text={made}><p>Send it as <code>Authorization: Bearer …</code></p></Once>
    </form>
  );
}

function Password() {
  const [error, change] = useChange();
  const [said, say] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = (name: string) => String(new FormData(form).get(name) ?? "");
    say("");
    void change(async () => {
      await call("POST", "/api/v1/auth/change-password", { current_password: text("current"), new_password: text("new") });
      say("Changed. All other sessions have ended.");
      form.reset();
      if (!user.value?.password_changed) await whoami();
    });
  };
  return (
    <form class="card apart" onSubmit={submit} aria-label="Password">
      <h2>Password</h2>
      <div class="tools">
        <input name="current" type="password" aria-label="Current password" placeholder="Current password" autocomplete="current-password" required />
        <input name="new" type="password" aria-label="New password" placeholder="New password" autocomplete="new-password" required />
        <button type="submit">Change it</button>
      </div>
      {error && <p class="error" role="alert">{error}</p>}
      {said && <p role="status">{said}</p>}
    </form>
  );
}

/** All that there is for who has a password that an admin made. */
export function FirstPassword() {
  return (
    <>
      <h1>{user.value?.username}</h1>
      <p>An admin made your password. Choose one of your own to go on.</p>
      <Password />
    </>
  );
}

/** What belongs to the person who is logged in: API tokens and the password; an admin sees all tokens. */
export function Account() {
  const found = useList<Token>("/api/v1/api-tokens", partOf("tokens"), { seconds: 15, pages: MANY });
  const [error, change] = useChange();
  const columns: Column<Token>[] = [
    { name: "Token", value: (row) => row.name, show: (row) => row.name },
    { name: "Of", value: (row) => row.username, show: (row) => row.username },
    { name: "May", value: (row) => row.scope, show: (row) => row.scope },
    { name: "Made", value: (row) => row.created_at, show: (row) => full(row.created_at) },
    { name: "Ends", value: (row) => row.expires_at, show: (row) => (row.expires_at ? full(row.expires_at) : "never") },
    { name: "Last used", value: (row) => row.last_used_at, show: (row) => ago(row.last_used_at) },
    { name: "Do", show: (row) => <Sure name="Revoke" question="Whoever uses it is refused at once?" does={() => void change(() => call("DELETE", `/api/v1/api-tokens/${row.id}`))} /> },
  ];
  return (
    <>
      <h1>{user.value?.username}</h1>
      <p class="muted">Role {user.value?.role}</p>
      <h2>API tokens</h2>
      {error && <p class="error" role="alert">{error}</p>}
      <Listed id="tokens" of={found} columns={columns} empty="No token. Scripts and dashboards need one." />
      <NewToken />
      <Password />
    </>
  );
}
