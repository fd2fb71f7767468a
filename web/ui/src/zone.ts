// The zone that times are shown in: the address says which, so that a link shows the same to all.
import { computed, signal } from "@preact/signals";
import { place } from "./router";
import { isZone, setZone } from "./format";

/** What the server that is looked at says of itself. */
export const serverZone = signal("");

export const ZONES: [string, string][] = [
  ["", "Browser"],
  ["utc", "UTC"],
  ["server", "Server"],
];

/** The name of the zone; undefined is the browser's. */
export const zone = computed(() => {
  const chosen = place.value.args.get("zone") ?? "";
  const name = chosen === "server" ? serverZone.value : chosen === "utc" ? "UTC" : chosen;
  return name && isZone(name) ? name : undefined;
});

setZone(() => zone.value);
