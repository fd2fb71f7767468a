import { useData } from "../data";
import { clock } from "../format";
import { Happened } from "../happened";
import { LoadChart, useSamples } from "../load";
import { useMarks } from "../marks";
import { Link, Show } from "../parts";
import { ofRange, range } from "../range";
import { place, withArgs, go } from "../router";
import { Table, type Column } from "../table";
import { useTexts } from "../texts";
import { type ServerDetail, ServerHead } from "./server-head";

interface Line {
  kind: string;
  text: string;
  share: number;
  dimension?: string;
  group?: string;
}

interface Load {
  dimension: string;
  group: string;
  load: number;
  usual: number;
}

interface Answer {
  head: string;
  is_slower: boolean;
  from: string;
  to: string;
  usual?: number;
  reference: string;
  error: number;
  samples: [number, number];
  lines: Line[];
  groups: Load[];
}

function Body({ server, id }: { server: ServerDetail; id: string }) {
  const { args } = place.value;
  const { from, to, isLive } = range();
  const at = isLive ? null : new Date(to).toISOString();
  // A part of the chart that was chosen is spoken of as a whole, as long as that can be told.
  const chosen = isLive ? 10 : Math.min(60, Math.max(1, Math.round((to - from) / 60_000)));
  const minutes = args.get("minutes") ?? String(chosen);
  const path = `/api/v1/servers/${server.id}/why?minutes=${minutes}${at ? `&at=${encodeURIComponent(at)}` : ""}`;
  const found = useData<Answer>(path, at ? 60 : 10);
  const texts = useTexts(server.collector_id);
  const samples = useSamples(server.collector_id, 30);
  const marks = useMarks(server, from, to);
  const columns = (hasUsual: boolean): Column<Load>[] => [
    { name: "By", value: (row) => row.dimension, show: (row) => row.dimension.replace("_", " ") },
    {
      name: "Group",
      value: (row) => texts.get(row.group) ?? row.group,
      show: (row) =>
        row.dimension === "statement" && row.group !== "(none)" ? (
          <Link href={ofRange(`/servers/${id}/queries/${row.group}`)}><code class="sql">{texts.get(row.group) ?? `query id ${row.group}`}</code></Link>
        ) : (
          row.group
        ),
    },
    { name: "Sessions", number: true, value: (row) => row.load, show: (row) => row.load.toFixed(2) },
    ...(hasUsual ? [{ name: "Usually", number: true, value: (row: Load) => row.usual, show: (row: Load) => row.usual.toFixed(2) }] : []),
  ];
  return (
    <>
      <div class="tools" role="group" aria-label="Window">
        {["5", "10", "30", "60"].map((value) => (
          <button type="button" key={value} aria-pressed={minutes === value} onClick={() => go(withArgs({ minutes: value }))}>last {value} min</button>
        ))}
        <span class="muted">{isLive ? "up to now; drag over a part of the load below to ask about that" : `up to ${clock(to)}`}</span>
      </div>
      <Show of={found}>
        {(answer) => (
          <>
            <section class="card why">
              <h2>{answer.head}</h2>
              <ol>
                {answer.lines.map((line) => (
                  <li key={line.text}>
                    {line.text}
                    {line.kind === "statement" && <> <Link href={ofRange(`/servers/${id}/queries/${line.group}`)}>Look at it</Link></>}
                    {line.kind === "lock" && <> <Link href={ofRange(`/servers/${id}/activity`)}>Look at the chain</Link></>}
                  </li>
                ))}
              </ol>
              <p class="muted">
                {clock(answer.from)} to {clock(answer.to)}, {answer.samples[0]} samples, ± {answer.error.toFixed(1)} sessions
                {answer.reference && `; compared with ${answer.reference}, ${answer.samples[1]} samples`}. What lasts less than a second is seldom seen.
              </p>
            </section>
            {samples.data && samples.data.data.length > 0 && <LoadChart samples={samples.data.data} marks={marks} told={[Date.parse(answer.from), Date.parse(answer.to)]} />}
            <Happened marks={marks} />
            <h2>Load by group</h2>
            <Table id="groups" rows={answer.groups} columns={columns(answer.usual !== undefined && answer.usual !== null)} empty="No session was active." />
          </>
        )}
      </Show>
    </>
  );
}

/** Why a server is slow now, or at the end of the range that is shown. */
export function Why({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} id={id} />}</ServerHead>;
}
