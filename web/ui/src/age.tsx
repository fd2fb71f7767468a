// How old what is shown is, and what renews it.
import { useEffect, useState } from "preact/hooks";
import { changes, viewAge } from "./api";
import { paused, renewed } from "./data";
import { ago } from "./format";
import { Copy } from "./parts";

/** A view of the cluster that is older than this is said, in seconds. */
const OLD_VIEW = 10;

/** How often the questions of this page are asked, and how old their answers are. */
function told(now: number): string {
  const paces = [...renewed].map((one) => one.seconds);
  const times = [...renewed].flatMap((one) => one.at ?? []);
  if (times.length === 0) return "Nothing was answered yet.";
  const [soonest, latest] = [Math.min(...paces), Math.max(...paces)];
  const pace = paused.value ? "Paused" : `Asked anew every ${soonest === latest ? `${soonest} s` : `${soonest} to ${latest} s`}, while somebody looks`;
  const [oldest, newest] = [Math.min(...times), Math.max(...times)].map((at) => ago(new Date(at).toISOString(), now));
  return `${pace}. ${oldest === newest ? `Answered ${newest}` : `Newest answer ${newest}, oldest ${oldest}`}.`;
}

/** What this page asks, for a script that has an API token. */
const curl = () => [...new Set([...renewed].map((one) => one.path))].map((path) => `curl -H "Authorization: Bearer $TOKEN" '${location.origin}${path}'`).join("\n");

export function Age() {
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => tick(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  const pause = () => {
    paused.value = !paused.value;
    if (!paused.value) changes.value += 1;
  };
  const age = viewAge.value;
  const failing = [...renewed].filter((one) => one.isFailing).length;
  return (
    <footer>
      <Copy text={curl} name="Copy as curl" />{" "}
      <button type="button" onClick={pause}>{paused.value ? "Go on" : "Pause"}</button> <span class={paused.value ? "error" : ""}>{told(now)}</span>
      {failing > 0 && <span class="error"> {failing} of {renewed.size} questions of this page {failing === 1 ? "is" : "are"} not answered.</span>}
      {age === "unknown" && <span class="error"> This node has not heard of the cluster since it was started.</span>}
      {typeof age === "number" && age >= OLD_VIEW && <span class="error"> What this node knows of the cluster is {age} s old.</span>}
    </footer>
  );
}
