// A statement's plan: what each node took, and how far the planner was off.

export interface PlanNode {
  id: number;
  kind: string;
  role: string;
  subplan: string | null;
  target: { schema: string | null; relation: string | null; alias: string | null; index: string | null; cte: string | null; function: string | null };
  shape: { join_type: string | null; partial_mode: string | null; strategy: string | null; operation: string | null; is_parallel: boolean };
  keys: Record<"sort" | "presorted" | "group" | "cache", string[]>;
  conditions: { place: string; terms: string[] }[];
  /** Of one loop. */
  estimate: { startup_cost: number; total_cost: number; rows: number; width: number };
  /** Of all loops and processes together; null without ANALYZE. */
  actual: { loops: number; rows: number; total_ms: number | null; self_ms: number | null; processes: number; removed_by_filter: number; removed_by_join_filter: number } | null;
  /** Of the node and all below it. */
  buffers: { shared_hit: number; shared_read: number; temp_read: number; temp_written: number } | null;
  work: Record<string, number | string | null>;
  children: PlanNode[];
}

export interface Finding {
  id: string;
  name: string;
  node: number;
  cause: string;
  advice: string[];
  disproved_by: string;
}

export interface Plan {
  id: string;
  collected_at: string;
  structure: string;
  plan_json: unknown;
  plan_text?: string;
  execution_duration_ms?: number;
  tree: { root: PlanNode; execution_ms: number | null; planning_ms: number | null };
  findings: Finding[];
}

export interface Row {
  node: PlanNode;
  /** Lines of the tree before the node. */
  lead: string;
  title: string;
  details: string[];
  /** Time of the node alone, of a wall clock; null where it was not measured. */
  ownMs: number | null;
  /** Of the whole: time where it was measured, else cost; from 0 to 1. */
  share: number | null;
  rows: number | null;
  /** In as many loops as there were. */
  expected: number;
  /** How many times more (or, below one, fewer) rows than expected; null if it never ran. */
  off: number | null;
}

/** What a reader would call a node. */
export function title(node: PlanNode): string {
  const { relation, cte, function: called, index, alias } = node.target;
  const name = relation ?? cte ?? called;
  const join = node.shape.join_type && node.shape.join_type !== "Inner" ? ` (${node.shape.join_type})` : "";
  const partial = node.shape.partial_mode ? `${node.shape.partial_mode} ` : "";
  const parallel = node.shape.is_parallel ? "Parallel " : "";
  const kind = node.kind === "ModifyTable" ? (node.shape.operation ?? node.kind) : node.kind;
  const named = name ? ` on ${name}${alias && alias !== name ? ` ${alias}` : ""}` : "";
  const own = parallel + partial + kind + join + (index ? ` using ${index}` : "") + named;
  return node.subplan && ["init_plan", "sub_plan"].includes(node.role) ? `${node.subplan}: ${own}` : own;
}

function details(node: PlanNode): string[] {
  const found = node.conditions.map((one) => `${one.place.replaceAll("_", " ")}: ${one.terms.join(" and ").replace(/([<>=!~]) (?=[<>=~])/g, "$1")}`);
  for (const [name, keys] of Object.entries(node.keys)) if (keys.length > 0) found.push(`${name}: ${keys.join(", ")}`);
  const removed = (node.actual?.removed_by_filter ?? 0) + (node.actual?.removed_by_join_filter ?? 0);
  if (removed > 0) found.push(`${Math.round(removed).toLocaleString("en")} rows thrown away by the filter`);
  const told = Object.entries(node.work).filter(([, value]) => value !== null && value !== 0);
  for (const [name, value] of told) found.push(`${name.replaceAll("_", " ")} ${value}`);
  const { temp_read, temp_written } = node.buffers ?? { temp_read: 0, temp_written: 0 };
  if (temp_read + temp_written > 0) found.push(`temporary blocks: ${temp_read} read, ${temp_written} written`);
  return found;
}

/** The nodes, parents first, as lines of a table. */
export function rowsOf(plan: Plan): Row[] {
  const { root, execution_ms } = plan.tree;
  const wholeMs = execution_ms ?? root.actual?.total_ms ?? null;
  const wholeCost = root.estimate.total_cost;
  const rows: Row[] = [];
  const visit = (node: PlanNode, lead: string, below: string) => {
    const { actual, estimate, children } = node;
    const processes = Math.max(1, actual?.processes ?? 1);
    const ownMs = actual?.self_ms === null || actual?.self_ms === undefined ? null : actual.self_ms / processes;
    const ownCost = Math.max(0, estimate.total_cost - children.reduce((sum, child) => sum + child.estimate.total_cost, 0));
    const measured = ownMs !== null && wholeMs ? ownMs / wholeMs : null;
    const expected = estimate.rows * (actual?.loops ?? 1);
    rows.push({
      node,
      lead,
      title: title(node),
      details: details(node),
      ownMs,
      share: actual === null ? (wholeCost > 0 ? Math.min(1, ownCost / wholeCost) : null) : measured,
      rows: actual === null ? null : actual.rows,
      expected,
      off: actual === null || actual.loops === 0 ? null : Math.max(1, actual.rows) / Math.max(1, expected),
    });
    children.forEach((child, at) => {
      const isLast = at === children.length - 1;
      visit(child, `${below}${isLast ? "└─ " : "├─ "}`, `${below}${isLast ? "   " : "│  "}`);
    });
  };
  visit(root, "", "");
  return rows;
}

/** An estimate that is off by ten times or more; said as a factor. */
export function offBy(off: number | null): string | null {
  if (off === null || (off < 10 && off > 0.1)) return null;
  const factor = off >= 1 ? off : 1 / off;
  return `${factor < 100 ? factor.toFixed(0) : Math.round(factor).toLocaleString("en")} × ${off >= 1 ? "more" : "fewer"}`;
}

/** The plan as it was sent, to be given to another tool. */
export function raw(plan: Plan): string {
  return plan.plan_json ? JSON.stringify(plan.plan_json, null, 2) : (plan.plan_text ?? "");
}
