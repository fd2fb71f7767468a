import { CutAtLimit } from "../cut";
import type { Loaded } from "../data";
import { clock, count, millis, percent } from "../format";
import { Copy, Show } from "../parts";
import { type Finding, offBy, type Plan, raw, type Row, rowsOf } from "../plan";
import { go, place, withArgs } from "../router";

function Found({ one }: { one: Finding }) {
  return (
    <div class="finding">
      <b>{one.name.replaceAll("_", " ")}</b> <span class="muted">{one.id}</span>: {one.cause}.
      {one.advice.map((text) => <p key={text}>Try {text}.</p>)}
      <p class="muted">Wrong if {one.disproved_by}.</p>
    </div>
  );
}

function Line({ row, findings, isMeasured }: { row: Row; findings: Finding[]; isMeasured: boolean }) {
  const { node, share, off } = row;
  const never = node.actual?.loops === 0;
  const wrong = offBy(off);
  return (
    <tr class={findings.length > 0 ? "marked" : ""}>
      <td>
        <div class="node">
          <span class="lead" aria-hidden="true">{row.lead}</span>
          <div>
            {row.title}
            {node.actual && node.actual.loops > 1 && <span class="muted"> × {count(node.actual.loops)}</span>}
            {row.details.length > 0 && <div class="muted">{row.details.join(" · ")}</div>}
            {findings.map((one) => <Found key={one.id} one={one} />)}
          </div>
        </div>
      </td>
      <td class="number">
        {share !== null && <><span class="bar" style={{ width: `${Math.round(share * 60)}px` }} /> {percent(share)}</>}
      </td>
      {isMeasured && <td class="number">{never ? "never ran" : millis(row.ownMs)}</td>}
      {isMeasured && <td class="number">{never ? "–" : count(row.rows)}</td>}
      <td class="number">
        {count(row.expected)}
        {wrong && <div class="error">{wrong}</div>}
      </td>
      {isMeasured && <td class="number">{node.buffers ? `${count(node.buffers.shared_hit)} / ${count(node.buffers.shared_read)}` : "–"}</td>}
    </tr>
  );
}

function Tree({ plan }: { plan: Plan }) {
  const rows = rowsOf(plan);
  const isMeasured = plan.tree.root.actual !== null;
  const took = plan.execution_duration_ms ?? plan.tree.execution_ms ?? plan.tree.root.actual?.total_ms;
  return (
    <section class="table plan" aria-label={`Plan of ${clock(plan.collected_at)}`}>
      <div class="tools">
        <b>{clock(plan.collected_at)}</b>
        <span class="muted">
          {isMeasured ? `took ${millis(took)}` : "never executed: cost as the planner estimates it"}
          {plan.tree.planning_ms !== null && `, planned in ${millis(plan.tree.planning_ms)}`} · {["nothing found wrong", "1 finding"][plan.findings.length] ?? `${plan.findings.length} findings`}
        </span>
        <span class="grow" />
        <Copy text={() => raw(plan)} name="Copy plan" />
      </div>
      <div class="scroll" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Node</th>
              <th class="number">{isMeasured ? "Own share" : "Cost share"}</th>
              {isMeasured && <th class="number">Own time</th>}
              {isMeasured && <th class="number">Rows</th>}
              <th class="number">Expected</th>
              {isMeasured && <th class="number">Blocks hit / read</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => <Line key={row.node.id} row={row} isMeasured={isMeasured} findings={plan.findings.filter((one) => one.node === row.node.id)} />)}
          </tbody>
        </table>
      </div>
      <details>
        <summary>As it was sent</summary>
        <pre class="sql" tabIndex={0}>{raw(plan)}</pre>
      </details>
    </section>
  );
}

function Choice({ name, plans, value, none }: { name: string; plans: Plan[]; value: string; none?: string }) {
  // A letter for each structure, so that it is seen when a plan changed.
  const structures = [...new Set([...plans].reverse().map((plan) => plan.structure))];
  const letter = (plan: Plan) => String.fromCharCode(65 + (structures.indexOf(plan.structure) % 26));
  return (
    <label>
      {name} <select value={value} onChange={(event) => go(withArgs({ [name.toLowerCase()]: event.currentTarget.value || null }), true)}>
        {none && <option value="">{none}</option>}
        {plans.map((plan) => (
          <option key={plan.id} value={plan.id}>
            {structures.length > 1 ? `${letter(plan)}: ` : ""}{clock(plan.collected_at)}{plan.execution_duration_ms ? `, ${millis(plan.execution_duration_ms)}` : ", estimated"}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The address of a statement's plans. */
export const plansOf = (hash: string) => `/api/v1/queries/${hash}/explain/history?limit=${PLANS}`;
/** Plans of an answer: the most that the API gives. */
const PLANS = 50;

/** The plans of a statement: the newest or the chosen one, and another beside it. */
export function Plans({ found }: { found: Loaded<{ plans: Plan[] }> }) {
  const { args } = place.value;
  if (found.error?.status === 404) {
    return (
      <>
        <h2>Plan</h2>
        <p class="empty">
          No plan of this statement is known. Load auto_explain (auto_explain.log_min_duration, in the text or JSON format) and let the collector read the server's log. Of
          what costs most the collector also asks for the plan, once a day, if it may read the tables.
        </p>
      </>
    );
  }
  return (
    <>
      <h2>Plan</h2>
      <Show of={found}>
        {({ plans }) => {
          const shown = plans.find((plan) => plan.id === args.get("plan")) ?? plans[0];
          const beside = plans.find((plan) => plan.id === args.get("beside"));
          const structures = new Set(plans.map((plan) => plan.structure)).size;
          return (
            <>
              {plans.length > 1 && (
                <div class="tools">
                  <Choice name="Plan" plans={plans} value={shown.id} />
                  <Choice name="Beside" plans={plans} value={beside?.id ?? ""} none="nothing" />
                  <span class="muted">{structures === 1 ? "All of them have the same structure." : `${structures} structures: the plan changed.`}</span>
                </div>
              )}
              <CutAtLimit shown={plans.length} limit={PLANS} order="newest" />
              <div class={beside ? "grid" : ""}>
                <Tree plan={shown} />
                {beside && <Tree plan={beside} />}
              </div>
            </>
          );
        }}
      </Show>
    </>
  );
}
