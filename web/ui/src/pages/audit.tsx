import { useData } from "../data";
import { full } from "../format";
import { Show, Table, type Column } from "../parts";
import { go, place, withArgs } from "../router";

interface Entry {
  id: number;
  at: string;
  actor: string;
  address: string;
  action: string;
  target: string;
  before?: unknown;
  after?: unknown;
}

const json = (value: unknown) => (value === undefined || value === null ? "" : JSON.stringify(value));

const ENTRIES: Column<Entry>[] = [
  { name: "When", value: (row) => row.at, show: (row) => full(row.at) },
  { name: "Who", value: (row) => row.actor, show: (row) => row.actor },
  { name: "From", value: (row) => row.address, show: (row) => row.address || "–" },
  { name: "Did", value: (row) => row.action, show: (row) => row.action },
  { name: "To", value: (row) => row.target, show: (row) => row.target },
  { name: "Before", value: (row) => json(row.before), show: (row) => <code class="sql">{json(row.before)}</code> },
  { name: "After", value: (row) => json(row.after), show: (row) => <code class="sql">{json(row.after)}</code> },
];

const SIZE = 100;

/** What was changed, by whom, from where: page by page, and by who did what. */
export function Audit() {
  const { args } = place.value;
  const page = Math.max(1, Number(args.get("page")) || 1);
  const asked = new URLSearchParams({ page: String(page), page_size: String(SIZE) });
  for (const name of ["actor", "action"]) if (args.get(name)) asked.set(name, args.get(name) as string);
  const found = useData<{ data: Entry[]; total: number }>(`/api/v1/audit?${asked}`, 15);
  const field = (name: string, label: string) => (
    <input aria-label={label} placeholder={label} value={args.get(name) ?? ""} onChange={(event) => go(withArgs({ [name]: event.currentTarget.value || null, page: null }), true)} />
  );
  return (
    <>
      <h1>Audit log</h1>
      <div class="tools">
        {field("actor", "Who, in full")}
        {field("action", "Did, such as user.create")}
        <a href="/api/v1/audit/export" download="audit.jsonl">All as JSON lines</a>
      </div>
      <Show of={found}>
        {({ data, total }) => (
          <>
            <Table id="audit" rows={data} columns={ENTRIES} empty={asked.size > 2 ? "Nothing matches." : "Nothing was changed yet: people, secrets, configurations, rules and channels stand here once they are."} />
            {total > SIZE && (
              <div class="tools apart">
                <button type="button" disabled={page === 1} onClick={() => go(withArgs({ page: String(page - 1) }))}>Newer</button>
                <span class="muted">{(page - 1) * SIZE + 1} to {(page - 1) * SIZE + data.length} of {total}</span>
                <button type="button" disabled={page * SIZE >= total} onClick={() => go(withArgs({ page: String(page + 1) }))}>Older</button>
              </div>
            )}
          </>
        )}
      </Show>
    </>
  );
}
