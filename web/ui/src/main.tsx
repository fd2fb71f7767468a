import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Age } from "./age";
import { login, logout, nodes, offline, user, whoami } from "./api";
import { useData } from "./data";
import { ago } from "./format";
import { health, home, moving, placeAt, watchNode } from "./nodes";
import { Activity } from "./pages/activity";
import { Advice } from "./pages/advice";
import { Alerts, Rules } from "./pages/alerts";
import { Audit } from "./pages/audit";
import { Channels } from "./pages/channels";
import { Cluster } from "./pages/cluster";
import { Collectors, OneCollector } from "./pages/collectors";
import { Findings } from "./pages/findings";
import { Fleet } from "./pages/fleet";
import { Logs } from "./pages/logs";
import { Account, FirstPassword, People } from "./pages/people";
import { Queries } from "./pages/queries";
import { Query } from "./pages/query";
import { Replication } from "./pages/replication";
import { Server } from "./pages/server";
import { Silences } from "./pages/silences";
import { Snapshots } from "./pages/snapshots";
import { Tables } from "./pages/tables";
import { Unusual } from "./pages/unusual";
import { Why } from "./pages/why";
import { Link, useTitle } from "./parts";
import { leadsTo, OF_SERVER, PLACES, serverOf } from "./places";
import { go, kept, match, place, withArgs } from "./router";
import { Search } from "./search";
import { serverZone, ZONES } from "./zone";
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
  ["/servers/:id/snapshots", ({ id }) => <Snapshots id={id} />],
  ["/servers/:id/logs", ({ id }) => <Logs id={id} />],
  ["/servers/:id/replication", ({ id }) => <Replication id={id} />],
  ["/alerts", () => <Alerts />],
  ["/alerts/rules", () => <Rules />],
  ["/alerts/silences", () => <Silences />],
  ["/alerts/channels", () => <Channels />],
  ["/findings", () => <Findings />],
  ["/cluster", () => <Cluster />],
  ["/collectors", () => <Collectors />],
  ["/collectors/:id", ({ id }) => <OneCollector id={id} />],
  ["/people", () => <People />],
  ["/account", () => <Account />],
  ["/audit", () => <Audit />],
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
  const box = useRef<HTMLElement>(null);
  // The focus goes into the dialog, and back to where it was.
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current?.focus();
    return () => before?.focus();
  }, []);
  return (
    <div class="over" onClick={close}>
      <section class="login" role="dialog" aria-modal="true" aria-label="Keys" tabIndex={-1} ref={box} onKeyDown={(event) => event.key === "Tab" && event.preventDefault()}>
        <h1>Keys</h1>
        <dl>
          <dt>/</dt>
          <dd>search everything</dd>
          <dt>f</dt>
          <dd>filter the list</dd>
          <dt>?</dt>
          <dd>these keys</dd>
          <dt>Esc</dt>
          <dd>close, or clear the filter</dd>
          {[...(serverOf(place.value.path) ? OF_SERVER : []), ...PLACES].map(({ key, name }) => [<dt key={key}>g {key}</dt>, <dd>{name}</dd>])}
        </dl>
      </section>
    </div>
  );
}

/** Keys: `/`, `f`, `?`, Esc, and `g` with a letter. */
function useKeys(setHelp: (open: boolean) => void) {
  useEffect(() => {
    let afterG = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.key === "Escape") setHelp(false);
      const target = event.target as HTMLElement;
      if (/INPUT|TEXTAREA|SELECT/.test(target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
      const focus = (field: string) => {
        event.preventDefault();
        document.querySelector<HTMLInputElement>(field)?.focus();
      };
      if (Date.now() - afterG < 1500) {
        const found = leadsTo(event.key, place.value.path);
        if (found) go(kept(found));
        afterG = 0;
      } else if (event.key === "/") focus("header input[type=search]");
      else if (event.key === "f") focus("main input[type=search]");
      else if (event.key === "?") setHelp(true);
      else if (event.key === "g") afterG = Date.now();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}

/** What is wrong with the node that is asked, and what that means for what is shown. */
function Banner() {
  const { cutOffSince, storeGoneSince } = health.value;
  const since = (at: number) => ago(new Date(at).toISOString());
  if (offline.value) {
    const others = nodes.value.filter((node) => node !== location.origin);
    return (
      <p class="banner" role="alert">
        {offline.value} {moving.value || "Another node is looked for."} What is shown is old.
        {others.map((node) => <a key={node} href={placeAt(node, home() ?? location.origin)}>{node}</a>)}
      </p>
    );
  }
  return (
    <>
      {cutOffSince && (
        <p class="banner" role="alert">
          No quorum, seen {since(cutOffSince)}: nothing can be changed or taken from collectors, and what is shown may be older than what other nodes have.
          <Link href="/cluster">The nodes</Link>
        </p>
      )}
      {storeGoneSince && !cutOffSince && (
        <p class="banner" role="alert">
          The store does not answer, seen {since(storeGoneSince)}: history and lists that need it are missing. What collectors send is kept, and alerts go on.
          <Link href="/cluster">The backlog</Link>
        </p>
      )}
      {home() && (
        <p class="notice" role="status">
          {home()} went away: this is the same page by {location.origin}. It returns by itself. <a href={placeAt(home() as string, null)}>Return now</a>{" "}
          <button type="button" onClick={() => go(withArgs({ home: null }), true)}>Stay here</button>
        </p>
      )}
    </>
  );
}

/** How many critical alerts fire, on every page. */
function Critical() {
  const { data } = useData<{ total: number }>("/api/v1/alerts?state=firing&severity=critical&page_size=1", 15);
  return data && data.total > 0 ? <b class="badge"> {data.total} critical</b> : null;
}

/** The zone of all times. */
function Zone() {
  const chosen = place.value.args.get("zone") ?? "";
  return (
    <select aria-label="Time zone" value={chosen} onChange={(event) => go(withArgs({ zone: event.currentTarget.value || null }), true)}>
      {ZONES.filter(([value]) => value !== "server" || chosen === "server" || place.value.path.startsWith("/servers/")).map(([value, name]) => (
        <option key={value} value={value}>{value === "server" && serverZone.value ? `Server: ${serverZone.value}` : value === "utc" ? "UTC" : `${name} time`}</option>
      ))}
    </select>
  );
}

function App() {
  const [help, setHelp] = useState(false);
  useKeys(setHelp);
  useEffect(() => {
    void whoami();
    watchNode();
  }, []);
  const { path } = place.value;
  useTitle(PLACES.find((one) => one.path === path)?.name);
  let shown = <p class="empty">There is no such page.</p>;
  for (const [pattern, page] of PAGES) {
    const args = match(pattern, path);
    if (args) {
      shown = page(args);
      break;
    }
  }
  const isFirst = user.value?.password_changed === false;
  const tab = (href: string, name: string, more?: preact.JSX.Element | null) => (
    <Link href={href} class={(href === "/" ? path === "/" : path.startsWith(href)) ? "here" : ""}>{name}{more}</Link>
  );
  return (
    <>
      <a class="skip" href="#content">Skip to the content</a>
      <header inert={user.value === null}>
        <Link href="/" class="brand">pgAnalytics</Link>
        <nav aria-label="Pages">
          {tab("/", "Fleet")}
          {tab("/alerts", "Alerts", user.value && !isFirst ? <Critical /> : null)}
          {tab("/findings", "Findings")}
          {tab("/cluster", "Cluster")}
          {tab("/collectors", "Collectors")}
          {user.value?.role === "admin" && tab("/people", "People")}
          {user.value?.role === "admin" && tab("/audit", "Audit")}
        </nav>
        {user.value && !isFirst ? <Search /> : <span class="grow" />}
        <Zone />
        <button type="button" aria-label="Keys" onClick={() => setHelp(true)}>?</button>
        {user.value && <Link href="/account" class={path === "/account" ? "here" : ""}>{user.value.username}</Link>}
        {user.value && <button type="button" onClick={() => void logout()}>Log out</button>}
      </header>
      <Banner />
      <main id="content">{isFirst ? <FirstPassword /> : user.value ? shown : user.value === undefined ? <p class="loading">Loading…</p> : null}</main>
      {user.value && <Age />}
      {user.value === null && <Login />}
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
