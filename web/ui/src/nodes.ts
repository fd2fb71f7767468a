// The node that serves the page, and the others: the page goes on by another one when its own goes
// away, and returns when it is back.
import { effect, signal } from "@preact/signals";
import { nodes, offline, user } from "./api";
import { place } from "./router";

/** What the node says of itself and of its store. */
export interface Health {
  /** No quorum: since when, in milliseconds since 1970. */
  cutOffSince?: number;
  /** The store does not answer: since when. */
  storeGoneSince?: number;
}

export const health = signal<Health>({});
/** Where the page goes, or why it stays, while its own node is away. */
export const moving = signal("");

const BEAT = 2_000;
const PATIENCE = 3_000;
const ADDRESSES = 30_000;

/** Whether somebody answers there at all; what it says cannot be read from here. */
async function answers(address: string): Promise<boolean> {
  try {
    await fetch(`${address}/livez`, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    return true;
  } catch {
    return false;
  }
}

interface Status {
  nodes: { http: string; reachable: boolean; lag: number }[];
}

/** The nodes of the cluster, as this one knows them. */
async function status(): Promise<Status | null> {
  try {
    const answer = await fetch("/api/v1/cluster/status", { signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) return null;
    const found = (await answer.json()) as Status;
    nodes.value = found.nodes.map((node) => node.http);
    return found;
  } catch {
    return null;
  }
}

/** Where the page came from, if it is a node of this cluster: nowhere else is gone to. */
export function home(): string | null {
  const from = place.value.args.get("home");
  return from && from !== location.origin && nodes.value.includes(from) ? from : null;
}

/** This place at another node; `home` is where to return to. */
export function placeAt(address: string, home: string | null): string {
  const args = new URLSearchParams(place.value.args);
  args.delete("home");
  if (home && home !== address) args.set("home", home);
  return address + place.value.path + (args.size ? `?${args}` : "");
}

/** Somebody writes something that would be lost. */
function isWriting(): boolean {
  const fields = document.querySelectorAll<HTMLInputElement>("main input:not([type=search]):not([type=checkbox]), main textarea");
  return [...fields].some((field) => field.value !== field.defaultValue);
}

/** Goes on by the first other node that answers. */
async function moveOn(): Promise<void> {
  if (await answers(location.origin)) return;
  const others = nodes.value.filter((node) => node !== location.origin);
  if (others.length === 0) {
    moving.value = "No other node is known.";
    return;
  }
  const alive = await Promise.any(others.map(async (node) => ((await answers(node)) ? node : Promise.reject(new Error())))).catch(() => null);
  if (!alive) moving.value = "No other node answers from here: is this machine's network up?";
  else if (isWriting()) moving.value = "The page stays, since something is being written here.";
  else {
    moving.value = `The page goes on by ${alive}.`;
    location.replace(placeAt(alive, home() ?? location.origin));
  }
}

/** Back to where the page came from, once that node has all that this one has. */
let seen = 0;
async function moveBack(found: Status | null): Promise<void> {
  const origin = home();
  if (!origin || !found) return;
  const own = found.nodes.find((node) => node.http === origin);
  seen = own?.reachable && own.lag < 100 ? seen + 1 : 0;
  if (seen >= 3 && !isWriting() && (await answers(origin))) location.replace(placeAt(origin, null));
}

async function beat(): Promise<void> {
  try {
    const answer = await fetch("/api/v1/health", { signal: AbortSignal.timeout(PATIENCE) });
    const told = (await answer.json()) as { database_ok: boolean; timescale_ok: boolean };
    const last = health.value;
    const since = (isGone: boolean, before?: number) => (isGone ? (before ?? Date.now()) : undefined);
    health.value = { cutOffSince: since(!told.database_ok, last.cutOffSince), storeGoneSince: since(!told.timescale_ok, last.storeGoneSince) };
    offline.value = "";
    moving.value = "";
  } catch {
    offline.value = "This node does not answer.";
    await moveOn();
  }
}

/** Looks after the node, while somebody looks at the page and is logged in. */
export function watchNode(): void {
  let asked = 0;
  const round = async () => {
    if (!document.hidden && user.value) {
      await beat();
      const pause = home() || nodes.value.length === 0 ? BEAT : ADDRESSES;
      if (!offline.value && Date.now() - asked >= pause) {
        asked = Date.now();
        await moveBack(await status());
      }
    }
    window.setTimeout(round, BEAT);
  };
  void round();
  // The addresses are needed before the node goes: they are asked for as soon as somebody is in.
  effect(() => {
    if (user.value && nodes.peek().length === 0) void status();
  });
}
