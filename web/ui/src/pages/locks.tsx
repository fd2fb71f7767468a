import { useData } from "../data";
import { count, csv, full, percent } from "../format";
import { chains, type Pair, type Session } from "../locks";
import { Copy, Link, Show } from "../parts";
import { ofRange, pace, range, windowOf } from "../range";

export const seconds = (value: number | null | undefined) => (value === null || value === undefined ? "–" : value < 120 ? `${value.toFixed(1)} s` : `${(value / 60).toFixed(1)} min`);

/** How old the newest wait may be to count as of now, in milliseconds. */
const NOW = 30_000;

const HEAD = ["pid", "depth", "user", "application", "database", "waits for", "waits seconds", "transaction seconds", "state", "statement"];
const cells = (one: Session) => [one.pid, one.depth, one.user, one.application, one.database, one.waitsFor, one.waitSeconds, one.transactionSeconds, one.state, one.query];

function Line({ one, server, isNow }: { one: Session; server: string; isNow: boolean }) {
  const statement = <code class="sql">{one.query || "–"}</code>;
  return (
    <tr class={one.depth === 0 ? "marked" : ""}>
      <td>
        <div class="node">
          <span class="lead" aria-hidden="true">{one.lead}</span>
          <div>
            <b>{one.pid === null ? "a prepared transaction" : one.pid}</b> {one.user}{one.application && ` (${one.application})`}
            {one.behind > 0 && <span class={one.depth === 0 ? "error" : "muted"}> {count(one.behind)} behind it</span>}
            {one.others.length > 0 && <div class="muted">also behind {one.others.join(", ")}</div>}
          </div>
        </div>
      </td>
      <td>{one.waitsFor ?? <span class="muted">{one.state ?? "–"}</span>}</td>
      <td class="number">{one.waitsFor ? seconds(one.waitSeconds) : ""}</td>
      <td class="number">{one.behind > 0 ? seconds(one.transactionSeconds) : ""}</td>
      <td>{one.queryId ? <Link href={ofRange(`/servers/${server}/queries/${one.queryId}`)}>{statement}</Link> : statement}</td>
      <td class="do">
        {isNow && one.depth === 0 && one.pid !== null && (
          <>
            <Copy text={() => `SELECT pg_cancel_backend(${one.pid});`} name="Copy cancel" />{" "}
            <Copy text={() => `SELECT pg_terminate_backend(${one.pid});`} name="Copy terminate" />
          </>
        )}
      </td>
    </tr>
  );
}

/** Who waits for whom, as trees: at the end of the range, or when somebody waited last. */
export function Locks({ collector, server }: { collector: string; server: string }) {
  const { to } = range();
  const path = `/api/v1/collectors/${collector}/metrics?type=pg_blocking&order=desc&limit=1&${windowOf(["from", "to"])}`;
  const found = useData<{ data: { timestamp: string; rows: Pair[]; total?: number }[] }>(path, pace(10));
  return (
    <Show of={found}>
      {({ data }) => {
        const newest = data[0];
        if (!newest) return <p class="muted">Nobody waited for a lock in this range.</p>;
        const isNow = Math.min(to, Date.now()) - Date.parse(newest.timestamp) < NOW;
        const isOfNow = isNow && Date.now() - Date.parse(newest.timestamp) < NOW;
        const sessions = chains(newest.rows);
        const roots = sessions.filter((one) => one.depth === 0);
        return (
          <>
            <h2 class={isNow ? "error" : ""}>
              {isOfNow ? "Waiting for locks now" : isNow ? `Waiting for locks at ${full(newest.timestamp)}` : `Last wait for a lock: ${full(newest.timestamp)}`}
            </h2>
            <section class="table plan" aria-label="Who waits for whom">
              <div class="tools">
                <span>
                  {sessions.length - roots.length} wait behind {roots.length === 1 ? "one session" : `${roots.length} sessions`}
                  {roots.length > 1 && roots[0].behind > 0 && `, ${percent(roots[0].behind / (sessions.length - roots.length))} of them behind ${roots[0].pid ?? "a prepared transaction"}`}
                </span>
                <span class="grow" />
                <Copy text={() => csv(HEAD, sessions.map(cells))} name="Copy CSV" />
              </div>
              <div class="scroll" tabIndex={0}>
                <table>
                  <thead>
                    <tr><th>Session</th><th>Waits for</th><th class="number">since</th><th class="number">Transaction</th><th>Statement</th><th>To free them</th></tr>
                  </thead>
                  <tbody>{sessions.map((one) => <Line key={one.pid} one={one} server={server} isNow={isOfNow} />)}</tbody>
                </table>
              </div>
              {(newest.total ?? 0) > newest.rows.length && <p class="muted">The collector sent {newest.rows.length} of {newest.total} pairs.</p>}
            </section>
          </>
        );
      }}
    </Show>
  );
}
