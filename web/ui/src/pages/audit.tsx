import { useList } from "../data";
import { full } from "../format";
import { go, place, withArgs } from "../router";
import { Listed, partOf, type Column } from "../table";

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

/** What was changed, by whom, from where: part by part, and by who did what. */
export function Audit() {
  const { args } = place.value;
  const asked = new URLSearchParams();
  for (const name of ["actor", "action", "target"]) if (args.get(name)) asked.set(name, args.get(name) as string);
  const found = useList<Entry>(`/api/v1/audit?${asked}`, partOf("audit"), { seconds: 15 });
  const field = (name: string, label: string) => (
    <input aria-label={label} placeholder={label} value={args.get(name) ?? ""} onChange={(event) => go(withArgs({ [name]: event.currentTarget.value || null, "audit.page": null }), true)} />
  );
  return (
    <>
      <h1>Audit log</h1>
      <div class="tools">
        {field("actor", "Who, in full")}
        {field("action", "Did, such as user.create")}
        {field("target", "To, in full")}
        <a href="/api/v1/audit/export" download="audit.jsonl">All as JSON lines</a>
      </div>
      <Listed
        id="audit"
        of={found}
        columns={ENTRIES}
        empty={asked.size > 0 ? "Nothing matches." : "Nothing was changed yet: people, secrets, configurations, rules and channels stand here once they are."}
      />
    </>
  );
}
