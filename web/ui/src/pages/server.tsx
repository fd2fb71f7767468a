import { Chart, type Line } from "../chart";
import { useData } from "../data";
import { ago, bytes, count, percent } from "../format";
import { range, setRange, Show } from "../parts";
import { type ServerDetail, ServerHead } from "./server-head";

interface Series {
  table: string;
  column: string;
  database?: string;
  points: { time: string; value: number }[];
}

interface Metrics {
  step_seconds: number;
  series: Series[];
}

/** The times of all series, in seconds since 1970. */
export function timesOf(series: Series[]): number[] {
  const times = new Set<number>();
  for (const one of series) for (const point of one.points) times.add(Date.parse(point.time) / 1000);
  return [...times].sort((a, b) => a - b);
}

/** One line for each series, on the times of all; `scale` multiplies its values. */
export function linesOf(series: Series[], times: number[], scale = 1, label = (one: Series) => one.database ?? one.column): Line[] {
  return series.map((one) => {
    const values = new Map(one.points.map((point) => [Date.parse(point.time) / 1000, point.value]));
    return { label: label(one), values: times.map((time) => (values.has(time) ? (values.get(time) as number) * scale : null)) };
  });
}

function Graph({ metrics, title, column, perSecond, unit }: { metrics: Metrics; title: string; column: string; perSecond?: boolean; unit?: (value: number) => string }) {
  const series = metrics.series.filter((one) => one.column === column);
  const times = timesOf(series);
  const scale = perSecond ? 1 / metrics.step_seconds : 1;
  return <Chart title={title} times={times} lines={linesOf(series, times, scale)} unit={unit ?? count} onRange={setRange} />;
}

/** Hits of all block reads, by database. */
function HitRatio({ metrics }: { metrics: Metrics }) {
  const of = (column: string) => metrics.series.filter((one) => one.column === column);
  const [hits, reads] = [of("blks_hit_delta"), of("blks_read_delta")];
  const times = timesOf(hits);
  const read = new Map(linesOf(reads, times).map((line) => [line.label, line.values]));
  const lines = linesOf(hits, times).map(({ label, values }) => ({
    label,
    values: values.map((hit, at) => {
      const missed = read.get(label)?.[at] ?? null;
      return hit === null || missed === null || hit + missed === 0 ? null : hit / (hit + missed);
    }),
  }));
  return <Chart title="Cache hit ratio" times={times} lines={lines} unit={percent} onRange={setRange} />;
}

function Cpu({ metrics }: { metrics: Metrics }) {
  const names = ["cpu_user", "cpu_system", "cpu_iowait", "cpu_steal"];
  const series = names.flatMap((name) => metrics.series.filter((one) => one.column === name));
  const times = timesOf(series);
  return <Chart title="CPU" times={times} lines={linesOf(series, times)} stacked unit={(value) => `${value.toFixed(0)} %`} onRange={setRange} />;
}

function Cards({ server }: { server: ServerDetail }) {
  const instance = server.instances[0];
  if (!instance) return null;
  const size = instance.databases.reduce((sum, one) => sum + (one.size_bytes ?? 0), 0);
  const connections = instance.databases.reduce((sum, one) => sum + (one.connections ?? 0), 0);
  return (
    <div class="cards">
      <div class="card"><b>{instance.databases.length}</b>databases</div>
      <div class="card"><b>{bytes(size)}</b>on disk</div>
      <div class="card"><b>{connections}</b>connections</div>
      <div class="card"><b>{instance.postmaster_start_time ? ago(instance.postmaster_start_time) : "–"}</b>started</div>
    </div>
  );
}

function Body({ server }: { server: ServerDetail }) {
  const { from, to } = range();
  const times = `start_time=${new Date(from).toISOString()}&end_time=${new Date(to).toISOString()}`;
  const path = `/api/v1/servers/${server.id}/metrics?${times}&metric_type=`;
  const databases = useData<Metrics>(`${path}pg_stats`, 15);
  const host = useData<Metrics>(`${path}sysstat`, 15);
  return (
    <>
      <Cards server={server} />
      <div class="grid">
        <Show of={databases}>
          {(metrics) => (
            <>
              <Graph metrics={metrics} title="Commits per second" column="xact_commit_delta" perSecond />
              <Graph metrics={metrics} title="Rollbacks per second" column="xact_rollback_delta" perSecond />
              <Graph metrics={metrics} title="Connections" column="numbackends" />
              <HitRatio metrics={metrics} />
              <Graph metrics={metrics} title="Rows returned per second" column="tup_returned_delta" perSecond />
              <Graph metrics={metrics} title="Size" column="database_size" unit={bytes} />
            </>
          )}
        </Show>
        <Show of={host}>{(metrics) => <Cpu metrics={metrics} />}</Show>
      </div>
    </>
  );
}

export function Server({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
