// The node's API: the browser's cookies say who asks; a change sends the CSRF token along.
import { signal } from "@preact/signals";

export interface User {
  id: number;
  username: string;
  role: string;
  /** Whether the password is the person's own; one that an admin made has to be changed first. */
  password_changed: boolean;
}

/** Who is logged in; null while nobody is, undefined until that is known. */
export const user = signal<User | null | undefined>(undefined);
/** Why the node does not answer; empty while it does. */
export const offline = signal("");
/** Addresses of all nodes, as far as they were told. */
export const nodes = signal<string[]>([]);
/** Grows with each change that was made here: what is shown is asked for anew. */
export const changes = signal(0);

/** How old the node's view of the cluster was at the last answer, in seconds, as far as the node knows. */
export const viewAge = signal<number | "unknown" | undefined>(undefined);

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** An answer that takes longer does not come: a node may be stopped rather than dead. */
const PATIENCE = 30_000;

function csrf(): string {
  const pair = document.cookie.split("; ").find((part) => part.startsWith("csrf_token="));
  return pair ? pair.slice("csrf_token=".length) : "";
}

async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const isText = typeof body === "string";
  if (body !== undefined) headers["Content-Type"] = isText ? "text/plain" : "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = csrf();
  try {
    const answer = await fetch(path, {
      method,
      headers,
      body: body === undefined || isText ? (body as string | undefined) : JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE),
    });
    offline.value = "";
    const age = answer.headers.get("X-Pganalytics-Age-Seconds");
    if (age !== null) viewAge.value = age === "unknown" ? age : Number(age);
    return answer;
  } catch {
    offline.value = "This node does not answer.";
    throw new ApiError(0, "This node does not answer.");
  }
}

async function fault(answer: Response): Promise<ApiError> {
  const text = await answer.text();
  try {
    const error = JSON.parse(text);
    const details = error.details ? `: ${error.details}` : "";
    return new ApiError(answer.status, `${error.message}${details}`);
  } catch {
    return new ApiError(answer.status, `${answer.status} ${answer.statusText}`);
  }
}

/** One refresh at a time: a refresh token is good once. */
let refreshing: Promise<boolean> | null = null;

function refresh(): Promise<boolean> {
  refreshing ??= send("POST", "/api/v1/auth/refresh")
    .then((answer) => answer.ok)
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

/** A request, whose body is JSON or a text; if the access token has ended it is renewed once, else the login opens. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer = await send(method, path, body);
  if (answer.status === 401 && csrf() && (await refresh())) answer = await send(method, path, body);
  if (answer.status === 401) user.value = null;
  if (!answer.ok) throw await fault(answer);
  if (method !== "GET") changes.value += 1;
  return (answer.status === 204 ? undefined : parse(await answer.text())) as T;
}

/** JSON, whose query ids have 64 bits: more than a number of JavaScript holds, so they become texts. */
export function parse(text: string): unknown {
  return JSON.parse(text.replace(/"(query_hash|queryid|(?:\w+_)?query_id)":(-?\d{16,})/g, '"$1":"$2"'));
}

export const get = <T>(path: string) => call<T>("GET", path);

export async function login(username: string, password: string): Promise<void> {
  const answer = await send("POST", "/api/v1/auth/login", { username, password });
  if (!answer.ok) throw await fault(answer);
  user.value = (await answer.json()).user;
}

export async function logout(): Promise<void> {
  await send("POST", "/api/v1/auth/logout");
  user.value = null;
}

export async function whoami(): Promise<void> {
  try {
    user.value = await get<User>("/api/v1/auth/me");
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) return;
    user.value = null;
  }
}
