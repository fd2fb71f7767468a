import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { login, logout, nodes, offline, user, whoami } from "./api";
import { Activity } from "./pages/activity";
import { Advice } from "./pages/advice";
import { Logs } from "./pages/logs";
import { Unusual } from "./pages/unusual";
import { Alerts, Channels, Rules } from "./pages/alerts";
import { Audit, Collectors, People } from "./pages/administration";
import { Cluster } from "./pages/cluster";
import { Fleet } from "./pages/fleet";
import { Queries } from "./pages/queries";
import { Query } from "./pages/query";
import { Replication } from "./pages/replication";
import { Server } from "./pages/server";
import { Tables } from "./pages/tables";
import { Why } from "./pages/why";
import { Link } from "./parts";
import { go, match, place } from "./router";
import "uplot/dist/uPlot.min.css";
import "./style.css";

const PAGES: [string, (args: Record<string, string>) => preact.JSX.Element][] = [
  ["", () => <Fleet />],
  ["/servers/:id", ({ id }) => <Server id={id} />],
  ["/servers/:id/why", ({ id }) => <Why id={id} />],
  ["/servers/:id/activity", ({ id }) => <Activity id={id} />],
  ["/servers/:id/queries", ({ id }) => <Queries id={id} />],
  ["/servers/:id/queries/:hash", ({ id, hash }) => <Query id={id} hash={hash} />],
  ["/servers/:id/tables", ({ id }) => <Tables id={id} />],
  ["/servers/:id/advice", ({ id }) => <Advice id={id} />],
  ["/servers/:id/unusual", ({ id }) => <Unusual id={id} />],
  ["/servers/:id/logs", ({ id }) => <Logs id={id} />],
  ["/servers/:id/replication", ({ id }) => <Replication id={id} />],
  ["/alerts", () => <Alerts />],
  ["/alerts/rules", () => <Rules />],
  ["/alerts/channels", () => <Channels />],
  ["/cluster", () => <Cluster />],
  ["/collectors", () => <Collectors />],
  ["/people", () => <People />],
  ["/audit", () => <Audit />],
];

const KEYS: [string, string, string][] = [
  ["f", "Fleet", "/"],
  ["l", "Alerts", "/alerts"],
  ["c", "Cluster", "/cluster"],
  ["o", "Collectors", "/collectors"],
  ["p", "People", "/people"],
  ["a", "Audit log", "/audit"],
];

function Login() {
  const [error, setError] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    try {
      await login(String(form.get("username")), String(form.get("password")));
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return (
    <div class="over">
      <form class="login" onSubmit={submit} aria-label="Log in">
        <h1>pgAnalytics</h1>
        <label>
          Name
          <input name="username" autocomplete="username" required autofocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {error && <p class="error" role="alert">{error}</p>}
        <button type="submit">Log in</button>
      </form>
    </div>
  );
}

function Help({ close }: { close: () => void }) {
  return (
    <div class="over" onClick={close}>
      <section class="login" role="dialog" aria-label="Keys">
        <h1>Keys</h1>
        <dl>
          <dt>/</dt>
          <dd>filter</dd>
          <dt>?</dt>
          <dd>these keys</dd>
          <dt>Esc</dt>
          <dd>close</dd>
          {KEYS.map(([key, name]) => [<dt key={key}>g {key}</dt>, <dd>{name}</dd>])}
        </dl>
      </section>
    </div>
  );
}

/** Keys: `/`, `?`, Esc, and `g` with a letter. */
function useKeys(setHelp: (open: boolean) => void) {
  useEffect(() => {
    let afterG = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.key === "Escape") setHelp(false);
      const target = event.target as HTMLElement;
      if (/INPUT|TEXTAREA|SELECT/.test(target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") {
        event.preventDefault();
        document.querySelector<HTMLInputElement>("input[type=search]")?.focus();
      } else if (event.key === "?") setHelp(true);
      else if (event.key === "g") afterG = Date.now();
      else if (Date.now() - afterG < 1500) {
        const found = KEYS.find(([key]) => key === event.key);
        if (found) go(found[2]);
      }
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

function Offline() {
  if (!offline.value) return null;
  const others = nodes.value.filter((node) => node !== location.origin);
  return (
    <p class="banner" role="alert">
      {offline.value} It is asked again by itself.
      {others.length > 0 && " Others of the cluster: "}
      {others.map((node) => (
        <a key={node} href={node + place.value.path + location.search}>{node}</a>
      ))}
    </p>
  );
}

function App() {
  const [help, setHelp] = useState(false);
  useKeys(setHelp);
  useEffect(() => void whoami(), []);
  const { path } = place.value;
  let shown = <p class="empty">There is no such page.</p>;
  for (const [pattern, page] of PAGES) {
    const args = match(pattern, path);
    if (args) {
      shown = page(args);
      break;
    }
  }
  const tab = (href: string, name: string) => (
    <Link href={href} class={(href === "/" ? path === "/" : path.startsWith(href)) ? "here" : ""}>{name}</Link>
  );
  return (
    <>
      <a class="skip" href="#content">Skip to the content</a>
      <header>
        <Link href="/" class="brand">pgAnalytics</Link>
        <nav aria-label="Pages">
          {tab("/", "Fleet")}
          {tab("/alerts", "Alerts")}
          {tab("/cluster", "Cluster")}
          {tab("/collectors", "Collectors")}
          {user.value?.role === "admin" && tab("/people", "People")}
          {user.value?.role === "admin" && tab("/audit", "Audit")}
        </nav>
        <span class="grow" />
        <button type="button" aria-label="Keys" onClick={() => setHelp(true)}>?</button>
        {user.value && <button type="button" onClick={() => void logout()}>Log out {user.value.username}</button>}
      </header>
      <Offline />
      <main id="content">{user.value ? shown : user.value === undefined ? <p class="loading">Loading…</p> : null}</main>
      {user.value === null && <Login />}
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
