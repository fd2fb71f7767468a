import { useEffect, useState } from "preact/hooks";
import { get } from "../api";
import { Chart } from "../chart";
import { useData } from "../data";
import { clock, count, csv, millis } from "../format";
import { Copy, Link, Show, Status } from "../parts";
import { range, setRange, windowOf } from "../range";
import { go, place, withArgs } from "../router";
import { type ServerDetail, ServerHead } from "./server-head";

interface Line {
  time: string;
  database: string;
  class: string;
  severity: string;
  level?: string;
  message?: string;
  detail?: string;
  query?: string;
  query_hash?: string | number;
  user_name?: string;
  application_name?: string;
  duration_ms?: number;
}

interface Page {
  lines: Line[];
  next_cursor: string | null;
}

interface Summary {
  total: number;
  step_seconds: number;
  classes: { class: string; severity: string; count: number; points: { time: string; value: number }[] }[];
}

/** Classes with a colour of their own; the rest is one. */
const COLOURED = 7;

/** How many lines of each class came when; where none came, there were none. */
function Histogram({ summary, from, to }: { summary: Summary; from: number; to: number }) {
  const step = summary.step_seconds;
  const first = Math.floor(from / 1000 / step) * step;
  const times = Array.from({ length: Math.max(0, Math.ceil((to / 1000 - first) / step)) }, (_, at) => first + at * step);
  // A class of two severities is two lines.
  const label = (one: Summary["classes"][0]) => one.class.replaceAll("_", " ") + (summary.classes.filter(({ class: name }) => name === one.class).length > 1 ? `, ${one.severity}` : "");
  const lines = summary.classes.slice(0, COLOURED).map((one) => ({ label: label(one), values: times.map(() => 0) }));
  if (summary.classes.length > COLOURED) lines.push({ label: "all others", values: times.map(() => 0) });
  summary.classes.forEach((one, at) => {
    for (const point of one.points) {
      const place = Math.round((Date.parse(point.time) / 1000 - first) / step);
      if (place >= 0 && place < times.length) lines[Math.min(at, COLOURED)].values[place] += point.value;
    }
  });
  return <Chart title={`Lines in ${step >= 3600 ? `${step / 3600} h` : `${Math.round(step / 60)} min`}, by class`} times={times} lines={lines} stacked unit={count} onRange={setRange} />;
}

const HEAD = ["time", "severity", "class", "message", "detail", "statement", "milliseconds", "database", "user", "application", "query id"];
const cells = (line: Line) => [line.time, line.severity, line.class, line.message, line.detail, line.query, line.duration_ms, line.database, line.user_name, line.application_name, line.query_hash];

const set = (name: string, value: string) => go(withArgs({ [name]: value || null }), true);

/** A line: what it says, and below, closed, what it is about. */
function Row({ id, line }: { id: string; line: Line }) {
  const who = [line.database, line.user_name, line.application_name].filter(Boolean).join(" · ");
  const rest = line.detail || line.query;
  return (
    <tr>
      <td class="muted">{clock(line.time)}</td>
      <td><Status of={line.severity} /> {line.class.replaceAll("_", " ")}</td>
      <td class="message">
        {rest ? (
          <details>
            <summary>{line.message}{line.query && <code class="sql"> {line.query}</code>}</summary>
            {line.detail && <p class="muted">{line.detail}</p>}
            {line.query && <pre class="sql">{line.query}</pre>}
          </details>
        ) : (
          line.message
        )}
      </td>
      <td class="number">{line.duration_ms === undefined ? "" : millis(line.duration_ms)}</td>
      <td class="muted">{who}</td>
      <td>{line.query_hash !== undefined && <Link href={`/servers/${id}/queries/${line.query_hash}`}>statement</Link>}</td>
    </tr>
  );
}

function Body({ id }: { server: ServerDetail; id: string }) {
  const args = place.value.args;
  const [kind, text, severity] = ["class", "text", "severity"].map((name) => args.get(name) ?? "");
  const { from, to, isLive } = range();
  const hours = args.get("hours") ?? "1";
  // A live range ends now: asked for without an end, so that a page of older lines stays what it is.
  const window = isLive ? `&from=${new Date(from).toISOString()}` : `&${windowOf(["from", "to"])}`;
  const filter = `${kind ? `&class=${encodeURIComponent(kind)}` : ""}${text ? `&text=${encodeURIComponent(text)}` : ""}${severity ? `&severity=${severity}` : ""}`;
  const found = useData<Page>(`/api/v1/servers/${id}/logs?limit=100${filter}${window}`, 10);
  const summary = useData<Summary>(`/api/v1/servers/${id}/logs/summary?${windowOf(["from", "to"])}`, 60);
  const counts = new Map<string, number>();
  for (const one of summary.data?.classes ?? []) counts.set(one.class, (counts.get(one.class) ?? 0) + one.count);
  const [older, setOlder] = useState<Line[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    setOlder([]);
    setCursor(null);
  }, [filter, isLive ? hours : window]);
  const next = cursor ?? found.data?.next_cursor ?? null;
  const more = async () => {
    try {
      const page = await get<Page>(`/api/v1/servers/${id}/logs?limit=100${filter}${window}&cursor=${encodeURIComponent(next ?? "")}`);
      setOlder([...older, ...page.lines]);
      setCursor(page.next_cursor);
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return (
    <>
      {summary.data && summary.data.total > 0 && <Histogram summary={summary.data} from={from} to={to} />}
      <div class="tools apart">
        <label>
          Class <select value={kind} onChange={(event) => set("class", event.currentTarget.value)}>
            <option value="">all</option>
            {[...counts].map(([name, count]) => <option key={name} value={name}>{name.replaceAll("_", " ")} ({count})</option>)}
          </select>
        </label>
        <label>
          Severity <select value={severity} onChange={(event) => set("severity", event.currentTarget.value)}>
            <option value="">all</option>
            <option value="critical,error">errors</option>
            <option value="critical,error,warning">errors and warnings</option>
          </select>
        </label>
        <input aria-label="Text" placeholder="Text" value={text} onChange={(event) => set("text", event.currentTarget.value)} />
      </div>
      <Show of={found}>
        {(page) =>
          page.lines.length === 0 ? (
            <p class="empty">
              {kind || text || severity ? "No line matches in this range." : "No lines in this range. The collector reads the server's log where it runs on the same host (logging_collector on), or with its "}
              {!kind && !text && !severity && <code>--log-dir</code>}
            </p>
          ) : (
            <>
              <div class="table"><div class="scroll" tabIndex={0}><table aria-label="Log lines" class="log">
                <thead><tr><th>Time</th><th>Class</th><th>Message</th><th class="number">Took</th><th>Who</th><th>See</th></tr></thead>
                <tbody>{[...page.lines, ...older].map((line, place) => <Row key={`${line.time}${place}`} id={id} line={line} />)}</tbody>
              </table></div></div>
              <div class="tools apart">
                {next && <button type="button" onClick={() => void more()}>Older lines</button>}
                <Copy text={() => csv(HEAD, [...page.lines, ...older].map(cells))} name="Copy CSV" />
              </div>
              {error && <p class="error" role="alert">{error}</p>}
            </>
          )
        }
      </Show>
    </>
  );
}

export function Logs({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} id={id} />}</ServerHead>;
}
