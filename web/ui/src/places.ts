// The pages: what they are called, where they are, and the key that leads there after `g`.

export interface Place {
  key: string;
  name: string;
  path: string;
  /** Only admins may look at it. */
  isAdmins?: boolean;
}

export const PLACES: Place[] = [
  { key: "f", name: "Fleet", path: "/" },
  { key: "l", name: "Alerts", path: "/alerts" },
  { key: "e", name: "Alert rules", path: "/alerts/rules" },
  { key: "i", name: "Silences and maintenance windows", path: "/alerts/silences" },
  { key: "n", name: "Channels and notifications", path: "/alerts/channels" },
  { key: "k", name: "Findings on all servers", path: "/findings" },
  { key: "c", name: "Cluster", path: "/cluster" },
  { key: "o", name: "Collectors", path: "/collectors" },
  { key: "p", name: "People", path: "/people", isAdmins: true },
  { key: "a", name: "Audit log", path: "/audit", isAdmins: true },
  { key: "m", name: "My tokens and password", path: "/account" },
];

/** Pages of a server, below its address. */
export const OF_SERVER: Place[] = [
  { key: "s", name: "Overview", path: "" },
  { key: "w", name: "Why slow now", path: "/why" },
  { key: "y", name: "Activity and locks", path: "/activity" },
  { key: "q", name: "Queries", path: "/queries" },
  { key: "b", name: "Before and after", path: "/snapshots" },
  { key: "u", name: "Unusual", path: "/unusual" },
  { key: "d", name: "Advice", path: "/advice" },
  { key: "t", name: "Tables and vacuum", path: "/tables" },
  { key: "r", name: "Replication", path: "/replication" },
  { key: "x", name: "Logs", path: "/logs" },
];

/** The address of the server that a path is below, such as `/servers/7`; null elsewhere. */
export function serverOf(path: string): string | null {
  return path.match(/^\/servers\/[^/]+/)?.[0] ?? null;
}

/** Where a key leads to after `g` from a path, if it does. */
export function leadsTo(key: string, path: string): string | null {
  const server = serverOf(path);
  const own = server && OF_SERVER.find((one) => one.key === key);
  if (own) return server + own.path;
  return PLACES.find((one) => one.key === key)?.path ?? null;
}
