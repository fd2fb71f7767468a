import { call, user } from "../api";
import { useData } from "../data";
import { Show, Sure, useChange } from "../parts";
import { Table, type Column } from "../table";

interface Matcher {
  label: string;
  operator: string;
  value: string;
}

interface Route {
  name: string;
  matchers: Matcher[];
  channel: string;
  continue: boolean;
}

interface Routes {
  version: number;
  by: string;
  routes: Route[];
}

const PATH = "/api/v1/alert-routes";
const OPERATORS = ["=", "!=", "~", "!~"];

const takes = (route: Route) => route.matchers.map((one) => `${one.label} ${one.operator} ${one.value}`).join(", ") || "all";

/** Routes are asked from the first to the last; the list is stored as a whole, made from the version that is shown. */
export function AlertRoutes({ channels }: { channels: string[] }) {
  const found = useData<Routes>(PATH);
  const [error, change] = useChange();
  const isAdmin = user.value?.role === "admin";
  const store = (of: Routes, routes: Route[]) => change(() => call("PUT", PATH, { version: of.version, routes }));
  const add = (of: Routes) => (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    const matchers = text("label") ? [{ label: text("label"), operator: text("operator"), value: text("value") }] : [];
    const route = { name: text("name"), matchers, channel: text("channel"), continue: given.has("continue") };
    void store(of, [...of.routes, route]).then(() => form.reset());
  };
  const columns = (of: Routes): Column<Route>[] => {
    const at = (row: Route) => of.routes.indexOf(row);
    const moved = (row: Route) => {
      const rest = of.routes.filter((one) => one !== row);
      return [...rest.slice(0, at(row) - 1), row, ...rest.slice(at(row) - 1)];
    };
    return [
      { name: "Asked", number: true, show: (row) => at(row) + 1 },
      { name: "Route", show: (row) => row.name },
      { name: "Takes alerts with", show: takes },
      { name: "To", show: (row) => row.channel },
      { name: "Then", show: (row) => (row.continue ? "the next is asked too" : "no other is asked") },
      {
        name: "Do",
        show: (row) =>
          isAdmin && (
            <>
              {at(row) > 0 && <button type="button" onClick={() => void store(of, moved(row))}>Earlier</button>}
              <Sure name="Delete" question="Delete the route?" does={() => void store(of, of.routes.filter((one) => one !== row))} />
            </>
          ),
      },
    ];
  };
  return (
    <>
      <h2>Routes</h2>
      {error && <p class="error" role="alert">{error}</p>}
      <Show of={found}>
        {(of) => (
          <>
            <Table id="routes" rows={of.routes} columns={columns(of)} empty="None: every channel is told of the alerts that its severities let through. A route sends some to one channel only." />
            {isAdmin && channels.length > 0 && (
              <form class="card apart" onSubmit={add(of)} aria-label="New route">
                <h2>New route</h2>
                <div class="tools">
                  <input name="name" aria-label="Name" placeholder="Name" required />
                  <label>Alerts whose <input name="label" placeholder="server" /></label>
                  <select name="operator" aria-label="Compared by">{OPERATORS.map((one) => <option key={one}>{one}</option>)}</select>
                  <input name="value" aria-label="Value" placeholder="db-1; after ~ db-*" />
                  <label>go to <select name="channel">{channels.map((one) => <option key={one}>{one}</option>)}</select></label>
                  <label><input type="checkbox" name="continue" /> the next is asked too</label>
                </div>
                <button type="submit">Add it</button> <span class="muted">Alerts that no route takes go to every channel, as without routes.</span>
              </form>
            )}
          </>
        )}
      </Show>
    </>
  );
}
