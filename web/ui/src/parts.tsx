import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Loaded } from "./data";
import { ago, clock } from "./format";
import { go, kept } from "./router";

/** A link inside of the page. */
export function Link({ href, children, class: name }: { href: string; children: ComponentChildren; class?: string }) {
  return (
    <a
      href={kept(href)}
      class={name}
      aria-current={name === "here" ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(kept(href));
      }}
    >
      {children}
    </a>
  );
}

/** The name of what is shown, for the browser's tabs and its history. */
export function useTitle(text: string | undefined): void {
  useEffect(() => {
    if (text !== undefined) document.title = `${text} · pgAnalytics`;
  }, [text]);
}

/** What a person can do about an answer that is none. */
function remedy(status: number | undefined): string {
  if (status === 0) return "It is asked again by itself.";
  if (status === 403) return "Somebody with the role for it can: an admin changes roles under People.";
  if (status === 404) return "It may have been removed: the search above (/) finds what there is.";
  if (status === 501) return "This node's version does not offer it: the cluster page shows the versions.";
  if (status === 503) return "The cluster page shows which nodes are away; it is asked again by itself.";
  return status !== undefined && status >= 500 ? "The node's log says more." : "";
}

/** What is loaded; or that it is being loaded, or why it cannot be. What is old says how old it is. */
export function Show<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ComponentChildren }) {
  if (of.data === undefined && of.error === undefined) return <p class="loading">Loading…</p>;
  return (
    <>
      {of.error && (
        <p class="error" role="alert">
          {of.error.message}{/[.!?]$/.test(of.error.message) ? "" : "."} {remedy(of.error.status)}
          {of.stale && of.at && <b> What is shown is of {clock(of.at)}, {ago(new Date(of.at).toISOString())}.</b>}
        </p>
      )}
      {of.data !== undefined && (of.stale ? <div class="stale">{children(of.data)}</div> : children(of.data))}
    </>
  );
}

/** A button that copies a text, and says that it did. */
export function Copy({ text, name }: { text: () => string; name: string }) {
  const [said, say] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      say("Copied");
    } catch {
      // Without TLS a browser has no clipboard but on its own host.
      say("The browser allows no copy here");
    }
    setTimeout(() => say(""), 1500);
  };
  return <button type="button" onClick={() => void copy()}>{said || name}</button>;
}

/** Runs a change and says what went wrong. */
export function useChange(): [string, (change: () => Promise<unknown>) => Promise<void>] {
  const [error, setError] = useState("");
  const run = async (change: () => Promise<unknown>) => {
    try {
      await change();
      setError("");
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return [error, run];
}

/** A text that no node tells again. */
export function Once({ text, children }: { text: string; children?: ComponentChildren }) {
  if (!text) return null;
  return (
    <div class="once" role="status">
      {children}
      <pre class="sql" tabIndex={0}>{text}</pre>
      <Copy text={() => text} name="Copy" />
      <span class="muted"> It is shown once: keep it now.</span>
    </div>
  );
}

/** A button that asks once more before it does what cannot be undone. */
export function Sure({ name, does, question }: { name: string; does: () => void; question: string }) {
  const [asked, ask] = useState(false);
  if (!asked) return <button type="button" onClick={() => ask(true)}>{name}</button>;
  return (
    <span role="group" aria-label={question}>
      <span class="error">{question}</span>{" "}
      <button type="button" class="danger" onClick={() => { ask(false); does(); }}>{name}</button>{" "}
      <button type="button" onClick={() => ask(false)}>No</button>
    </span>
  );
}

export function Status({ of }: { of: string }) {
  return <span class={`status ${of}`}>{of}</span>;
}
