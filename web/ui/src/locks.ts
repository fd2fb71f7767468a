// Who waits for whom: pairs of a blocked and a blocking session, as trees from those that wait for nobody.

export interface Pair {
  blocked_pid: number;
  /** Nothing for a prepared transaction, which no session holds. */
  blocking_pid: number | null;
  database: string;
  relation: string | null;
  lock_type: string;
  mode_wanted: string;
  wait_seconds: number | null;
  blocked_user: string;
  blocked_application?: string | null;
  blocked_query: string;
  blocked_query_id?: string | number | null;
  blocking_user: string | null;
  blocking_application?: string | null;
  blocking_state: string | null;
  blocking_query: string | null;
  blocking_query_id?: string | number | null;
  blocking_transaction_seconds: number | null;
}

/** A session in the tree: what it does, and what it waits for if it does. */
export interface Session {
  pid: number | null;
  user: string;
  application: string;
  query: string;
  queryId?: string;
  /** Of who blocks others. */
  state?: string;
  transactionSeconds?: number | null;
  /** Of who waits. */
  waitSeconds?: number | null;
  waitsFor?: string;
  database: string;
  /** Others that block it as well, beside the one above it. */
  others: number[];
  /** How deep it stands; 0 waits for nobody. */
  depth: number;
  /** What is drawn before it. */
  lead: string;
  /** Sessions that wait behind it. */
  behind: number;
}

const nameOf = (pid: number | null) => String(pid);
const textOf = (id: string | number | null | undefined) => (id ? String(id) : undefined);

/** What is known of a session from all pairs that name it. */
function sessionOf(name: string, pairs: Pair[]): Session {
  const waits = pairs.find((pair) => nameOf(pair.blocked_pid) === name);
  const blocks = pairs.find((pair) => nameOf(pair.blocking_pid) === name);
  return {
    pid: name === "null" ? null : Number(name),
    user: waits?.blocked_user ?? blocks?.blocking_user ?? "",
    application: waits?.blocked_application ?? blocks?.blocking_application ?? "",
    query: waits?.blocked_query ?? blocks?.blocking_query ?? "",
    queryId: textOf(waits?.blocked_query_id ?? blocks?.blocking_query_id),
    state: blocks ? (blocks.blocking_state ?? "gone") : undefined,
    transactionSeconds: blocks?.blocking_transaction_seconds,
    waitSeconds: waits?.wait_seconds,
    waitsFor: waits && `${waits.mode_wanted} on ${waits.relation ?? waits.lock_type}`,
    database: (waits ?? blocks)?.database ?? "",
    others: [],
    depth: 0,
    lead: "",
    behind: 0,
  };
}

/**
 * The sessions in the order of a tree: those that wait for nobody first, whoever has most behind it
 * before others. Who is blocked by several stands below the one that is deepest, and names the others.
 * Of a ring (a deadlock that is not yet broken) one session is taken for its root.
 */
export function chains(pairs: Pair[]): Session[] {
  const blockers = new Map<string, string[]>();
  for (const pair of pairs) {
    const of = blockers.get(nameOf(pair.blocked_pid)) ?? [];
    if (!of.includes(nameOf(pair.blocking_pid))) of.push(nameOf(pair.blocking_pid));
    blockers.set(nameOf(pair.blocked_pid), of);
  }
  const names = [...new Set(pairs.flatMap((pair) => [nameOf(pair.blocking_pid), nameOf(pair.blocked_pid)]))];
  const depths = new Map<string, number>();
  const depth = (name: string, above: string[]): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    const of = (blockers.get(name) ?? []).filter((one) => !above.includes(one) && one !== name);
    const own = of.length === 0 ? 0 : 1 + Math.max(...of.map((one) => depth(one, [...above, name])));
    depths.set(name, own);
    return own;
  };
  for (const name of names) depth(name, []);
  const of = (name: string) => depths.get(name) ?? 0;
  const parent = (name: string) => [...(blockers.get(name) ?? [])].filter((one) => of(one) < of(name)).sort((one, other) => of(other) - of(one))[0];
  const below = new Map<string, string[]>();
  const roots: string[] = [];
  for (const name of names) {
    const above = of(name) > 0 ? parent(name) : undefined;
    if (above === undefined) roots.push(name);
    else below.set(above, [...(below.get(above) ?? []), name]);
  }
  const behind = (name: string): number => (below.get(name) ?? []).reduce((sum, one) => sum + 1 + behind(one), 0);
  const most = (some: string[]) => some.sort((one, other) => behind(other) - behind(one));
  const found: Session[] = [];
  const draw = (name: string, lead: string, rest: string, depth: number, above?: string) => {
    const others = (blockers.get(name) ?? []).filter((one) => one !== above && one !== "null").map(Number);
    found.push({ ...sessionOf(name, pairs), others, depth, lead, behind: behind(name) });
    const own = most(below.get(name) ?? []);
    own.forEach((one, at) => {
      const isLast = at === own.length - 1;
      draw(one, `${rest}${isLast ? "└─ " : "├─ "}`, `${rest}${isLast ? "   " : "│  "}`, depth + 1, name);
    });
  };
  for (const root of most(roots)) draw(root, "", "", 0);
  return found;
}
