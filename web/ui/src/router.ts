// Where the page is: the path and its arguments hold everything that a link has to.
import { signal } from "@preact/signals";

function here() {
  return { path: location.pathname, args: new URLSearchParams(location.search) };
}

export const place = signal(here());

window.addEventListener("popstate", () => {
  place.value = here();
});

/** What goes along to every place: the zone of times, and the node that the page came from. */
const KEPT = ["zone", "home"];

/** An address with what goes along. */
export function kept(href: string): string {
  const [path, text] = href.split("?");
  const args = new URLSearchParams(text ?? "");
  for (const name of KEPT) {
    const value = place.value.args.get(name);
    if (value && !args.has(name)) args.set(name, value);
  }
  return args.size ? `${path}?${args}` : path;
}

/** Goes to an address of this page. */
export function go(href: string, replace = false): void {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  place.value = here();
}

/** The same place with other arguments; null takes one away. */
export function withArgs(changes: Record<string, string | null>): string {
  const args = new URLSearchParams(place.value.args);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) args.delete(name);
    else args.set(name, value);
  }
  const text = args.toString();
  return place.value.path + (text ? `?${text}` : "");
}

/** What the names of a pattern such as `/servers/:id` stand for, if the path is of its kind. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split("/");
  const have = path.replace(/\/$/, "").split("/");
  if (want.length !== have.length) return null;
  const found: Record<string, string> = {};
  for (let at = 0; at < want.length; at++) {
    if (want[at].startsWith(":")) found[want[at].slice(1)] = decodeURIComponent(have[at]);
    else if (want[at] !== have[at]) return null;
  }
  return found;
}
