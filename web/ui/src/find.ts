// What a text finds: servers, alerts, statements, collectors and pages, out of the API's own lists.
import type { Alert } from "./pages/alerts";
import { get } from "./api";
import { count, millis } from "./format";
import { OF_SERVER, PLACES, type Place } from "./places";

/** Where a find leads to, and what is said of it. */
export interface Hit {
  href: string;
  name: string;
  about: string;
}

/** Finds of one kind, the best first. */
export interface Group {
  name: string;
  hits: Hit[];
  /** How many there are in all. */
  total: number;
  /** What was not looked through. */
  note?: string;
}

interface Collector {
  id: string;
  name: string;
  hostname: string;
  status: string;
  environment?: string;
  server_id?: number;
  superseded_by?: string;
}

interface Statement {
  collector_id: string;
  query_hash: string | number;
  query_text: string;
  database_name: string;
  total_time: number;
  calls: number;
}

interface Server {
  id: number;
  name: string;
  collector_id: string;
}

/** What is shown of each kind. */
const SHOWN = 6;
/** Servers whose statements are looked through, that which is looked at first. */
const SERVERS = 20;
/** Servers that are asked at once. */
const AT_ONCE = 4;
/** Statements of an answer: the most that the API gives. */
const STATEMENTS = 100;
/** The shortest text that statements are looked through for: a shorter one is in all of them. */
const SHORTEST = 3;

/** Whether each word of a text is in one of the parts, whatever the case. */
export function has(text: string, parts: (string | undefined)[]): boolean {
  const all = parts.join("\n").toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

/** The part of a statement that a text is in, on one line. */
export function around(statement: string, text: string, width = 110): string {
  const line = statement.replace(/\s+/g, " ").trim();
  const at = line.toLowerCase().indexOf(text.toLowerCase().split(/\s+/)[0]);
  const begin = at > width / 2 ? at - Math.floor(width / 3) : 0;
  const end = begin + width;
  return (begin > 0 ? "…" : "") + line.slice(begin, end) + (end < line.length ? "…" : "");
}

/** Pages whose name has the text: of the server that is looked at, and of all. */
export function pagesOf(text: string, server: string | null, isAdmin: boolean): Group {
  const open = PLACES.filter((one) => !one.isAdmins || isAdmin);
  const hit = (one: Place, base: string, about: string) => ({ href: base + one.path, name: one.name, about: `${about}g ${one.key}` });
  const own = server ? OF_SERVER.map((one) => hit(one, server, "of this server · ")) : [];
  const hits = [...own, ...open.map((one) => hit(one, "", ""))].filter((one) => has(text, [one.name]));
  return { name: "Pages", hits, total: hits.length };
}

/** Servers and collectors: the API looks through names, hosts and ids of all of them. */
async function collectors(text: string): Promise<Group[]> {
  const found = await get<{ data: Collector[]; total: number }>(`/api/v1/collectors?page_size=${SHOWN}&search=${encodeURIComponent(text)}`);
  const about = (one: Collector) => [one.hostname, one.environment, one.status].filter(Boolean).join(" · ");
  const servers = found.data.filter((one) => one.server_id !== undefined && !one.superseded_by);
  return [
    { name: "Servers", hits: servers.map((one) => ({ href: `/servers/${one.server_id}`, name: one.name, about: about(one) })), total: found.total - (found.data.length - servers.length) },
    { name: "Collectors", hits: found.data.map((one) => ({ href: `/collectors/${one.id}`, name: one.name, about: `${one.status} · ${one.id}` })), total: found.total },
  ];
}

/** Alerts that are open, the worst first. */
async function alerts(text: string, once: Once): Promise<Group> {
  const all = await once.get<{ data: Alert[]; total: number }>("/api/v1/alerts?state=open&page_size=100");
  const hits = all.data.filter((one) => has(text, [one.name, one.rule, one.severity, one.message, ...Object.values(one.labels)]));
  return {
    name: "Alerts",
    hits: hits.map((one) => ({ href: `/alerts?alert=${one.id}`, name: `${one.severity} ${one.name}`, about: one.message })),
    total: hits.length,
    note: all.total > all.data.length ? `Of ${all.total} open alerts the ${all.data.length} worst were looked through.` : undefined,
  };
}

/** A statement by its query id, as a server's log or pg_stat_activity tells it, wherever it ran in the last 30 days. */
async function byId(id: string, servers: Map<string, Server>): Promise<Hit[]> {
  const found = await get<{ data: Statement[] }>(`/api/v1/queries/${id}/timeline?hours=720&limit=100`);
  const newest = new Map(found.data.map((one) => [one.collector_id, one]));
  return [...newest.values()].flatMap((one) => {
    const server = servers.get(one.collector_id);
    return server ? [{ href: `/servers/${server.id}/queries/${id}`, name: around(one.query_text, ""), about: `${server.name} · ${one.database_name}` }] : [];
  });
}

/** Statements by their text: those that took most time of the last day, of the server that is looked at and of others. */
async function statements({ text, here, isOver }: Wanted, once: Once, tell: (group: Group) => void): Promise<void> {
  const known = await once.get<{ data: Server[]; total: number }>("/api/v1/servers?page_size=100");
  const own = known.data.find((one) => `/servers/${one.id}` === here) ?? (here ? await once.get<Server>(`/api/v1${here}`).catch(() => undefined) : undefined);
  const asked = [...(own ? [own] : []), ...known.data.filter((one) => one.id !== own?.id)].slice(0, SERVERS);
  const hits: (Hit & { took: number; isOwn: boolean })[] = [];
  const seen = new Set<string>();
  const note = () => {
    const most = `Of each server the ${STATEMENTS} statements were looked through that took most time in the last day`;
    return known.total > asked.length ? `${most}, on ${asked.length} of ${known.total} servers: open a server to search its own.` : `${most}${own ? "; of this one also those called most, and the slowest" : ""}.`;
  };
  const show = () => {
    hits.sort((one, other) => Number(other.isOwn) - Number(one.isOwn) || other.took - one.took);
    tell({ name: "Statements", hits: [...hits], total: hits.length, note: note() });
  };
  const look = async (server: Server, order: string) => {
    const found = await once.get<{ queries: Statement[] }>(`/api/v1/collectors/${server.collector_id}/queries/slow?hours=24&limit=${STATEMENTS}&order=${order}`);
    for (const one of found.queries) {
      const href = `/servers/${server.id}/queries/${one.query_hash}`;
      if (seen.has(href) || !has(text, [one.query_text])) continue;
      seen.add(href);
      hits.push({ href, name: around(one.query_text, text), about: `${server.name} · ${one.database_name} · ${millis(one.total_time)} in ${count(one.calls)} calls`, took: one.total_time, isOwn: server === own });
    }
  };
  if (/^-?\d{5,20}$/.test(text)) {
    const servers = new Map([...known.data, ...(own ? [own] : [])].map((one) => [one.collector_id, one]));
    const found = await byId(text, servers);
    if (found.length > 0) return tell({ name: "Statements", hits: found, total: found.length });
  }
  const questions = asked.flatMap((server) => (server === own ? ["total", "calls", "mean", "max"] : ["total"]).map((order) => [server, order] as const));
  for (let at = 0; at < questions.length; at += AT_ONCE) {
    if (isOver()) return;
    await Promise.all(questions.slice(at, at + AT_ONCE).map(([server, order]) => look(server, order)));
    show();
  }
  if (questions.length === 0) show();
}

/** Answers that one search asks for once, however its text grows. */
export class Once {
  private answers = new Map<string, Promise<unknown>>();

  get<T>(path: string): Promise<T> {
    let answer = this.answers.get(path) as Promise<T> | undefined;
    if (!answer) {
      answer = get<T>(path);
      this.answers.set(path, answer);
      answer.catch(() => this.answers.delete(path));
    }
    return answer;
  }
}

/** What is looked for. */
export interface Wanted {
  text: string;
  /** The address of the server that is looked at. */
  here: string | null;
  isAdmin: boolean;
  /** Nobody waits for it any more. */
  isOver: () => boolean;
}

/** Looks everywhere at once, tells of each kind as soon as it is known, and answers what failed. */
export async function find(wanted: Wanted, once: Once, tell: (group: Group) => void): Promise<string[]> {
  const { text, here, isAdmin } = wanted;
  tell(pagesOf(text, here, isAdmin));
  const work = [
    collectors(text).then((groups) => groups.forEach(tell)),
    alerts(text, once).then(tell),
    ...(text.length >= SHORTEST ? [statements(wanted, once, tell)] : []),
  ];
  const done = await Promise.allSettled(work);
  return [...new Set(done.flatMap((one) => (one.status === "rejected" ? [(one.reason as Error).message] : [])))];
}

/** In which order kinds stand. */
const ORDER = ["Servers", "Alerts", "Statements", "Collectors", "Pages"];

/** What is shown of the finds: the best of each kind, in a fixed order. */
export function shownOf(groups: Group[]): Group[] {
  const found = ORDER.flatMap((name) => groups.find((one) => one.name === name && one.hits.length > 0) ?? []);
  return found.map((group) => ({ ...group, hits: group.hits.slice(0, SHOWN) }));
}
