import { useState } from "preact/hooks";
import { call, user } from "../api";
import { useData } from "../data";
import { count, full } from "../format";
import { Show, Sure, useChange } from "../parts";
import { Table, type Column } from "../table";

interface Version {
  version: number;
  author: string;
  comment: string;
  created_at: string;
  config: string;
}

/** Where a collector's or a group's configuration is read and changed. */
export interface Place {
  title: string;
  /** Said where there is none. */
  empty: string;
  store: string;
  history: string;
  diff: string;
  rollback: string;
}

export const ofCollector = (id: string): Place => ({
  title: "Its own configuration",
  empty: "It has none of its own: that of its group is in force.",
  store: `/api/v1/config/${id}`,
  history: `/api/v1/collectors/${id}/config/history`,
  diff: `/api/v1/collectors/${id}/config/diff`,
  rollback: `/api/v1/collectors/${id}/config/rollback`,
});

export const ofGroup = (name: string): Place => {
  const path = `/api/v1/config-groups/${encodeURIComponent(name)}`;
  return { title: `Configuration of the group ${name}`, empty: "This group has none.", store: path, history: path, diff: `${path}/diff`, rollback: `${path}/rollback` };
};

/** What changed from one version to another. */
function Diff({ at, from, to }: { at: Place; from: number; to: number }) {
  const found = useData<{ diff: string }>(`${at.diff}?from=${from}&to=${to}`, 300);
  return (
    <Show of={found}>
      {({ diff }) =>
        diff === "" ? (
          <p class="muted">Versions {from} and {to} are the same.</p>
        ) : (
          <pre class="sql diff" tabIndex={0} aria-label={`Version ${from} to ${to}`}>
            {diff.trimEnd().split("\n").filter((line) => !line.startsWith("\\ No newline")).map((line, n) => <span key={n} class={line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : ""}>{line}{"\n"}</span>)}
          </pre>
        )
      }
    </Show>
  );
}

/** A new version, made from the newest; refused if somebody else stored one meanwhile. */
function Editor({ at, newest, close }: { at: Place; newest?: Version; close: () => void }) {
  const [error, change] = useChange();
  const [base] = useState(newest);
  const [text, setText] = useState(newest?.config ?? "");
  const [comment, setComment] = useState("");
  const store = (event: Event) => {
    event.preventDefault();
    const args = new URLSearchParams({ base_version: String(base?.version ?? 0), comment });
    void change(async () => {
      await call("PUT", `${at.store}?${args}`, text);
      close();
    });
  };
  return (
    <form onSubmit={store} aria-label={`Edit: ${at.title}`}>
      <textarea aria-label="Configuration (TOML)" spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      {newest && base && newest.version !== base.version && <p class="error" role="alert">Version {newest.version} was stored meanwhile: close this, and edit that one.</p>}
      {error && <p class="error" role="alert">{error}</p>}
      <div class="tools">
        <input aria-label="Why" placeholder="Why (stands in the list of versions)" value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
        <button type="submit" disabled={text === (base?.config ?? "")}>Store as version {(base?.version ?? 0) + 1}</button>
        <button type="button" onClick={close}>Cancel</button>
      </div>
    </form>
  );
}

/** A configuration with its versions: look, compare, edit, go back. */
export function Configuration({ at }: { at: Place }) {
  const found = useData<{ data: Version[] }>(at.history, 15);
  const [isEdited, edit] = useState(false);
  const [pair, setPair] = useState<[number, number] | null>(null);
  const [error, change] = useChange();
  const isAdmin = user.value?.role === "admin";
  return (
    <section class="card apart">
      <h2>{at.title}</h2>
      <Show of={found}>
        {({ data }) => {
          const newest = data[0];
          const columns: Column<Version>[] = [
            { name: "Version", number: true, value: (row) => row.version, show: (row) => row.version },
            { name: "Stored", value: (row) => row.created_at, show: (row) => full(row.created_at) },
            { name: "By", value: (row) => row.author, show: (row) => row.author },
            { name: "Why", value: (row) => row.comment, show: (row) => row.comment || "–" },
            { name: "Lines", number: true, value: (row) => row.config.split("\n").length, show: (row) => count(row.config.split("\n").length) },
            {
              name: "Do",
              show: (row) => (
                <>
                  <button type="button" onClick={() => setPair([row.version - 1, row.version])}>What it changed</button>
                  {row !== newest && <button type="button" onClick={() => setPair([row.version, newest.version])}>Against the newest</button>}
                  {row !== newest && isAdmin && (
                    <Sure name="Go back to it" question={`Store version ${row.version} as the newest?`} does={() => void change(() => call("POST", at.rollback, { version: row.version }))} />
                  )}
                </>
              ),
            },
          ];
          return (
            <>
              {!newest && <p class="empty">{at.empty}</p>}
              {newest && !isEdited && <pre class="sql" tabIndex={0} aria-label="Newest version">{newest.config}</pre>}
              {isEdited && <Editor at={at} newest={newest} close={() => edit(false)} />}
              <div class="tools">
                {isAdmin && !isEdited && <button type="button" onClick={() => edit(true)}>{newest ? "Edit" : "Write one"}</button>}
                {isAdmin && newest && !isEdited && <Sure name="Forget it" question="Forget it, with all its versions?" does={() => void change(() => call("DELETE", at.store))} />}
                {error && <span class="error" role="alert">{error}</span>}
              </div>
              {data.length > 0 && <Table id={at.store.split("/").slice(-2).join(".")} rows={data} columns={columns} empty="" />}
              {pair && <Diff at={at} from={pair[0]} to={pair[1]} />}
            </>
          );
        }}
      </Show>
    </section>
  );
}
