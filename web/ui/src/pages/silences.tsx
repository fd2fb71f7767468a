import { useState } from "preact/hooks";
import { call, user } from "../api";
import { useList } from "../data";
import { count, full } from "../format";
import { Status, Sure, useChange } from "../parts";
import { Listed, partOf, type Column } from "../table";
import { Tabs } from "./alerts";

interface Matcher {
  label: string;
  operator?: string;
  value: string;
}

interface Silence {
  id: number;
  matchers: Matcher[];
  from: string;
  to: string;
  weekly?: { days: string[]; from: string; minutes: number };
  by: string;
  comment: string;
  is_active: boolean;
  alerts: number;
}

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const matched = (row: Silence) => row.matchers.map((one) => `${one.label} ${one.operator ?? "="} ${one.value}`).join(", ");
const when = (row: Silence) => (row.weekly ? `${row.weekly.days.join(", ")} ${row.weekly.from} UTC, ${row.weekly.minutes} min` : `${full(row.from)} – ${full(row.to)}`);

/** Alerts that match are not told meanwhile; they are still seen. */
function List({ path, id, empty }: { path: string; id: string; empty: string }) {
  const found = useList<Silence>(path, partOf(id));
  const [error, change] = useChange();
  const columns: Column<Silence>[] = [
    { name: "Alerts with", value: matched, show: matched },
    { name: "When", value: (row) => row.from, show: when },
    { name: "Now", value: (row) => String(row.is_active), show: (row) => (row.is_active ? <Status of="active" /> : "–") },
    { name: "Silences", number: true, value: (row) => row.alerts, show: (row) => count(row.alerts) },
    { name: "By", value: (row) => row.by, show: (row) => row.by },
    { name: "Why", value: (row) => row.comment, show: (row) => row.comment },
    { name: "Do", show: (row) => user.value?.role !== "viewer" && <Sure name="End" question="End it now?" does={() => void change(() => call("DELETE", `${path}/${row.id}`))} /> },
  ];
  return (
    <>
      {error && <p class="error" role="alert">{error}</p>}
      <Listed id={id} of={found} columns={columns} empty={empty} />
    </>
  );
}

function NewWindow() {
  const [error, change] = useChange();
  const [isWeekly, setWeekly] = useState(true);
  const submit = (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    const iso = (name: string) => new Date(`${text(name)}Z`).toISOString();
    const times = isWeekly ? { weekly: { days: DAYS.filter((day) => given.has(day)), from: text("at"), minutes: Number(text("minutes")) } } : { from: iso("from"), to: iso("to") };
    void change(async () => {
      await call("POST", "/api/v1/maintenance-windows", { matchers: [{ label: text("label"), value: text("value") }], comment: text("comment"), ...times });
      form.reset();
    });
  };
  return (
    <form class="card apart" onSubmit={submit} aria-label="New maintenance window">
      <h2>New maintenance window</h2>
      <div class="tools">
        <label>Alerts whose <input name="label" defaultValue="server" required /></label>
        <label>is <input name="value" required placeholder="db1" /></label>
        <input name="comment" aria-label="Why" placeholder="Why" required />
        <label><input type="checkbox" checked={isWeekly} onChange={() => setWeekly(!isWeekly)} /> every week</label>
      </div>
      {isWeekly ? (
        <div class="tools">
          {DAYS.map((day) => <label key={day}><input type="checkbox" name={day} /> {day}</label>)}
          <label>at <input name="at" type="time" required defaultValue="02:00" /> UTC</label>
          <label>for <input name="minutes" type="number" min="1" max="1440" required defaultValue="60" /> min</label>
        </div>
      ) : (
        <div class="tools">
          <label>from <input name="from" type="datetime-local" required /> UTC</label>
          <label>to <input name="to" type="datetime-local" required /> UTC</label>
        </div>
      )}
      {error && <p class="error" role="alert">{error}</p>}
      <button type="submit">Make it</button>
    </form>
  );
}

export function Silences() {
  return (
    <>
      <Tabs />
      <h1>Silences</h1>
      <List path="/api/v1/silences" id="silences" empty="None: an alert is silenced where it is shown." />
      <h2>Maintenance windows</h2>
      <List path="/api/v1/maintenance-windows" id="windows" empty="None: alerts are told at any time." />
      {user.value?.role !== "viewer" && <NewWindow />}
    </>
  );
}
