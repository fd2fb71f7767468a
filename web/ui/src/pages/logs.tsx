import { useEffect, useState } from "preact/hooks";
import { get } from "../api";
import { useData } from "../data";
import { clock, millis } from "../format";
import { Link, Show, Status } from "../parts";
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
  classes: { class: string; severity: string; count: number }[];
}

const set = (name: string, value: string) => go(withArgs({ [name]: value || null }), true);

function Row({ id, line }: { id: string; line: Line }) {
  const who = [line.database, line.user_name, line.application_name].filter(Boolean).join(" · ");
  return (
    <tr>
      <td class="muted">{clock(line.time)}</td>
      <td><Status of={line.severity} /> {line.class.replaceAll("_", " ")}</td>
      <td>
        {line.message}
        {line.duration_ms !== undefined && <span class="muted"> {millis(line.duration_ms)}</span>}
        {line.detail && <p class="muted">{line.detail}</p>}
        {line.query && <pre class="sql">{line.query}</pre>}
        {line.query_hash !== undefined && <Link href={`/servers/${id}/queries/${line.query_hash}`}>The statement</Link>}
      </td>
      <td class="muted">{who}</td>
    </tr>
  );
}

function Body({ id }: { server: ServerDetail; id: string }) {
  const args = place.value.args;
  const [kind, text] = [args.get("class") ?? "", args.get("text") ?? ""];
  const filter = `${kind ? `&class=${encodeURIComponent(kind)}` : ""}${text ? `&text=${encodeURIComponent(text)}` : ""}`;
  const found = useData<Page>(`/api/v1/servers/${id}/logs?limit=100${filter}`, 10);
  const summary = useData<Summary>(`/api/v1/servers/${id}/logs/summary?step=3600`, 60);
  const [older, setOlder] = useState<Line[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    setOlder([]);
    setCursor(null);
  }, [filter]);
  const next = cursor ?? found.data?.next_cursor ?? null;
  const more = async () => {
    try {
      const page = await get<Page>(`/api/v1/servers/${id}/logs?limit=100${filter}&cursor=${encodeURIComponent(next ?? "")}`);
      setOlder([...older, ...page.lines]);
      setCursor(page.next_cursor);
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return (
    <>
      <div class="tools">
        <label>
          Class <select value={kind} onChange={(event) => set("class", event.currentTarget.value)}>
            <option value="">all</option>
            {(summary.data?.classes ?? []).map((one) => <option key={one.class} value={one.class}>{one.class.replaceAll("_", " ")} ({one.count})</option>)}
          </select>
        </label>
        <input aria-label="Text" placeholder="Text" value={text} onChange={(event) => set("text", event.currentTarget.value)} />
      </div>
      <Show of={found}>
        {(page) =>
          page.lines.length === 0 ? (
            <p class="empty">No lines. The collector reads the server's log where it runs on the same host, or with its <code>--log-dir</code>.</p>
          ) : (
            <>
              <table aria-label="Log lines">
                <thead><tr><th>Time</th><th>Class</th><th>Message</th><th>Who</th></tr></thead>
                <tbody>{[...page.lines, ...older].map((line, place) => <Row key={`${line.time}${place}`} id={id} line={line} />)}</tbody>
              </table>
              {next && <button type="button" onClick={() => void more()}>Older lines</button>}
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
