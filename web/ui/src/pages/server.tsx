import { Chart, type Line } from "../chart";
import { useData } from "../data";
import { ago, bytes, count, percent } from "../format";
import { Happened } from "../happened";
import { type Mark, useMarks } from "../marks";
import { Show } from "../parts";
import { Compare, compared, pace, range, setRange, windowOf } from "../range";
import { ofSteps, withGaps } from "../rates";
import { type Column, Table } from "../table";
import { type ServerDetail, ServerHead } from "./server-head";

interface Series {
  table: string;
  column: string;
  database?: string;
  points: { time: string; value: number }[];
}

interface Metrics {
  end_time: string;
  step_seconds: number;
  series: Series[];
}

/** The times of all series, in seconds since 1970. */
export function timesOf(series: Series[]): number[] {
  const times = new Set<number>();
  for (const one of series) for (const point of one.points) times.add(Date.parse(point.time) / 1000);
  return [...times].sort((a, b) => a - b);
}

/** One line for each series, on the times of all. */
export function linesOf(series: Series[], times: number[], label = (one: Series) => one.database ?? one.column): Line[] {
  return series.map((one) => {
    const values = new Map(one.points.map((point) => [Date.parse(point.time) / 1000, point.value]));
    return { label: label(one), values: times.map((time) => values.get(time) ?? null) };
  });
}

/** Figures now, the same of another time, and what happened meanwhile. */
interface Shown {
  metrics: Metrics;
  before?: { metrics: Metrics; shift: number; name: string };
  marks: Mark[];
}

/** Series as lines of a chart, with those of the other time moved to these times. */
function drawn(shown: Shown, isRate: boolean, pick: (metrics: Metrics) => { series: Series[]; label?: (one: Series) => string }) {
  const of = (metrics: Metrics, shift: number) => {
    const { series, label } = pick(metrics);
    // A rate over a gap is that of the whole gap; of all else nothing is known there.
    const times = isRate ? timesOf(series) : withGaps(timesOf(series), metrics.step_seconds);
    return { times: times.map((time) => time + shift / 1000), lines: linesOf(series, times, label) };
  };
  const { before } = shown;
  return { ...of(shown.metrics, 0), before: before && { ...of(before.metrics, before.shift), name: before.name }, marks: shown.marks, onRange: setRange };
}

function Graph({ shown, title, column, perSecond, unit }: { shown: Shown; title: string; column: string; perSecond?: boolean; unit?: (value: number) => string }) {
  const pick = (metrics: Metrics) => {
    const series = metrics.series.filter((one) => one.column === column);
    const end = Date.parse(metrics.end_time) / 1000;
    return { series: perSecond ? series.map((one) => ({ ...one, points: ofSteps(one.points, metrics.step_seconds, end) })) : series };
  };
  return <Chart title={title} {...drawn(shown, perSecond === true, pick)} unit={unit ?? count} />;
}

/** Hits of all block reads, by database. */
function HitRatio({ shown }: { shown: Shown }) {
  const pick = (metrics: Metrics) => {
    const of = (column: string) => metrics.series.filter((one) => one.column === column);
    const missed = new Map(of("blks_read_delta").map((one) => [one.database, new Map(one.points.map((point) => [point.time, point.value]))]));
    const series = of("blks_hit_delta").map((one) => {
      const points = one.points.flatMap(({ time, value }) => {
        const read = missed.get(one.database)?.get(time);
        return read === undefined || value + read === 0 ? [] : [{ time, value: value / (value + read) }];
      });
      return { ...one, points };
    });
    return { series };
  };
  return <Chart title="Cache hit ratio" {...drawn(shown, false, pick)} unit={percent} />;
}

const CPU: [string, string][] = [["cpu_user", "user"], ["cpu_system", "system"], ["cpu_iowait", "iowait"], ["cpu_steal", "steal"]];
const MEMORY: [string, string][] = [["memory_used", "used"], ["memory_cached", "cached"], ["memory_free", "free"]];
const TRAFFIC: [string, string][] = [["io_read_mb_s", "read"], ["io_write_mb_s", "written"]];
const LOAD: [string, string][] = [["load_1m", "load"]];

/** Figures of the host: columns and what they are called, on one chart. */
function Host({ metrics, marks, title, columns, stacked, unit }: { metrics: Metrics; marks: Mark[]; title: string; columns: [string, string][]; stacked?: boolean; unit: (value: number) => string }) {
  const names = new Map(columns);
  const pick = (metrics: Metrics) => ({
    series: columns.flatMap(([column]) => metrics.series.filter((one) => one.column === column)),
    label: (one: Series) => names.get(one.column) ?? one.column,
  });
  return <Chart title={title} {...drawn({ metrics, marks }, false, pick)} stacked={stacked} unit={unit} />;
}

interface Disk {
  mountpoint: string;
  device: string;
  filesystem: string;
  used_bytes: number;
  available_bytes: number;
  total_bytes: number;
  used_percent: number;
}

/** A disk that is fuller than this is said in red, in percent. */
const FULL = 85;

const DISKS: Column<Disk>[] = [
  { name: "Mounted at", value: (row) => row.mountpoint, show: (row) => row.mountpoint },
  {
    name: "Full",
    number: true,
    value: (row) => row.used_percent,
    show: (row) => (
      <span class={row.used_percent > FULL ? "error" : ""}>
        <span class="bar" style={{ width: `${Math.round(row.used_percent * 0.6)}px` }} /> {percent(row.used_percent / 100)}
      </span>
    ),
  },
  { name: "Free", number: true, value: (row) => row.available_bytes, show: (row) => bytes(row.available_bytes) },
  { name: "Size", number: true, value: (row) => row.total_bytes, show: (row) => bytes(row.total_bytes) },
  { name: "Device", value: (row) => row.device, show: (row) => `${row.device} (${row.filesystem})` },
];

/** The disks as they were told last, in the last day. */
function Disks({ collector }: { collector: string }) {
  const { data } = useData<{ data: { disk_usage?: Disk[] } }>(`/api/v1/collectors/${collector}/filesystems`, 30);
  const disks = data?.data.disk_usage ?? [];
  if (disks.length === 0) return null;
  return (
    <>
      <h2>Disks of the host</h2>
      <Table id="disks" rows={disks} columns={DISKS} empty="" />
    </>
  );
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
  const then = compared();
  const path = `/api/v1/servers/${server.id}/metrics?metric_type=`;
  const names: [string, string] = ["start_time", "end_time"];
  const databases = useData<Metrics>(`${path}pg_stats&${windowOf(names)}`, pace());
  const earlier = useData<Metrics>(then ? `${path}pg_stats&${windowOf(names, then.shift)}` : null, 300);
  const host = useData<Metrics>(`${path}sysstat&${windowOf(names)}`, pace());
  const marks = useMarks(server, from, to);
  return (
    <>
      <Cards server={server} />
      <div class="tools">
        <a href={`/api/v1/servers/${server.id}/health-report?format=html`} target="_blank" rel="noopener">Health report, to keep or send</a>
        <span class="grow" />
        <Compare />
      </div>
      {then && earlier.data?.series.length === 0 && <p class="muted">Nothing is known of this server {then.name}.</p>}
      <Show of={databases}>
        {(metrics) => {
          if (metrics.series.length === 0) {
            return <p class="empty">This server told no figures in this range. Its collector was {server.status} when it was last heard of, {ago(server.last_seen)}: choose a longer range, or look at it under Collectors.</p>;
          }
          const shown = { metrics, marks, before: then && earlier.data ? { metrics: earlier.data, ...then } : undefined };
          return (
            <div class="grid">
              <Graph shown={shown} title="Commits per second" column="xact_commit_delta" perSecond />
              <Graph shown={shown} title="Rollbacks per second" column="xact_rollback_delta" perSecond />
              <Graph shown={shown} title="Connections" column="numbackends" />
              <HitRatio shown={shown} />
              <Graph shown={shown} title="Rows returned per second" column="tup_returned_delta" perSecond />
              <Graph shown={shown} title="Size" column="database_size" unit={bytes} />
              {host.data && host.data.series.length > 0 && (
                <>
                  <Host metrics={host.data} marks={marks} title="CPU" columns={CPU} stacked unit={(value) => `${value.toFixed(0)} %`} />
                  <Host metrics={host.data} marks={marks} title="Memory" columns={MEMORY} stacked unit={bytes} />
                  <Host metrics={host.data} marks={marks} title="Disk, megabytes per second" columns={TRAFFIC} unit={count} />
                  <Host metrics={host.data} marks={marks} title="Processes that run or wait for a disk, on average" columns={LOAD} unit={count} />
                </>
              )}
            </div>
          );
        }}
      </Show>
      <Disks collector={server.collector_id} />
      <Happened marks={marks} />
    </>
  );
}

export function Server({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
