import { CutAt } from "../cut";
import { type Loaded, useData } from "../data";
import { ago, clock, millis } from "../format";
import { Link, Show } from "../parts";
import type { Answer, Regression } from "../regressions";

function One({ one, server }: { one: Regression; server?: number }) {
  return (
    <li>
      {server !== undefined && <Link href={`/servers/${server}/queries/${one.query_hash}`}><code class="sql">{one.query_text}</code></Link>}
      {one.description} <span class="muted">since {clock(one.since)}{one.ended_at ? `, over ${ago(one.ended_at)}` : `, ${millis(one.seconds_per_hour * 1000)} an hour more`}</span>
    </li>
  );
}

/** All of a server. */
export function Regressions({ of, server }: { of: Loaded<Answer>; server: number }) {
  return (
    <>
      <h2>Slower since their plan changed</h2>
      <Show of={of}>
        {({ plan_regressions: all, total }) =>
          all.length === 0 ? (
            <p class="empty">No statement. Plans of auto_explain are compared with what the statement took before and after; a plan that changed without more time is not told.</p>
          ) : (
            <>
              <ul>{all.map((one) => <One key={one.id} one={one} server={server} />)}</ul>
              <CutAt shown={all.length} total={total} order="first" />
            </>
          )
        }
      </Show>
    </>
  );
}

/** Those of one statement; nothing if there are none. */
export function OfStatement({ hash, collector }: { hash: string; collector: string }) {
  const found = useData<Answer>(`/api/v1/queries/${hash}/plan-regressions`, 120);
  const all = (found.data?.plan_regressions ?? []).filter((one) => one.collector_id === collector);
  if (all.length === 0) return null;
  return (
    <>
      <h2>Slower since its plan changed</h2>
      <ul>{all.map((one) => <One key={one.id} one={one} />)}</ul>
    </>
  );
}
