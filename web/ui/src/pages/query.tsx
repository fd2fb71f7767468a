import { Chart } from "../chart";
import { useData } from "../data";
import { ago, bytes, change, clock, count, full, millis, percent } from "../format";
import { Happened } from "../happened";
import { type Mark, useMarks } from "../marks";
import { Copy, Link, Show } from "../parts";
import type { Plan } from "../plan";
import { Compare, compared, Cut, pace, range, setRange, windowOf } from "../range";
import { perCovered, perSecond } from "../rates";
import { type Seen, SeenText, useSeen } from "../seen";
import { Plans, plansOf } from "./plans";
import type { Stats } from "./queries";
import { OfStatement } from "./regressions";
import { type ServerDetail, ServerHead } from "./server-head";

/** Points of a timeline: of samples the most that the API gives; of a range that has steps, as many as can be told apart. */
const [POINTS, STEPS] = [10_000, 1_000];
/** From here on a range has steps, in milliseconds. */
const LONG = 86_400_000;
/** Bytes of a block. */
const BLOCK = 8192;

interface Timeline {
  data: Stats[];
  /** Of a long range: points are steps of so many seconds. */
  step_seconds?: number;
}

interface Sums {
  calls: number;
  total: number;
  mean: number;
  rows: number;
  hit: number;
}

function sumsOf(data: Stats[]): Sums {
  const sum = (value: (point: Stats) => number) => data.reduce((total, point) => total + value(point), 0);
  const [calls, total] = [sum((point) => point.calls), sum((point) => point.total_time)];
  const [hit, read] = [sum((point) => point.shared_blks_hit), sum((point) => point.shared_blks_read)];
  return { calls, total, mean: calls ? total / calls : 0, rows: calls ? sum((point) => point.rows) / calls : 0, hit: hit / (hit + read) };
}

/** Where the structure of the plan became another one. */
function planChanges(plans: Plan[]): Mark[] {
  const ordered = [...plans].sort((one, other) => one.collected_at.localeCompare(other.collected_at));
  const changed = ordered.filter((plan, at) => at > 0 && plan.structure !== ordered[at - 1].structure);
  return changed.map((plan) => ({ at: Date.parse(plan.collected_at) / 1000, text: `${full(plan.collected_at).slice(11)} another plan` }));
}

function Figure({ value, name, was }: { value: string; name: string; was?: string }) {
  return (
    <div class="card">
      <b>{value}</b>
      {name}
      {was && <div class="muted">{was}</div>}
    </div>
  );
}

/** What to do where a range has nothing of the statement. */
function Absent({ seen }: { seen: Seen | null | undefined }) {
  if (!seen) {
    return <p class="empty">This statement did not run in this range. {seen === null && "Nothing of it is kept for this server at all: it was never told of, or only longer ago than samples are kept."}</p>;
  }
  const end = seen.last / 1000 + 300;
  return (
    <p class="empty">
      This statement did not run in this range. It was last seen {full(seen.last)}. <button type="button" onClick={() => setRange(end - 3600, end)}>Look there</button>
    </p>
  );
}

function Body({ server, hash, plans }: { server: ServerDetail; hash: string; plans: Plan[] }) {
  const { from, to } = range();
  const then = compared();
  const limit = to - from > LONG ? STEPS : POINTS;
  const path = `/api/v1/queries/${hash}/timeline?collector_id=${server.collector_id}&limit=${limit}`;
  const found = useData<Timeline>(`${path}&${windowOf(["from", "to"])}`, pace());
  const earlier = useData<Timeline>(then ? `${path}&${windowOf(["from", "to"], then.shift)}` : null, 300);
  const seen = useSeen(server.collector_id, hash);
  const marks = [...useMarks(server, from, to), ...planChanges(plans)];
  return (
    <Show of={found}>
      {({ data, step_seconds: step }) => {
        const old = earlier.data?.data ?? [];
        const any = data.at(-1) ?? old.at(-1);
        if (!any) {
          return <Absent seen={seen} />;
        }
        const times = data.map((point) => Math.round(Date.parse(point.time) / 1000));
        const oldTimes = old.map((point) => Math.round((Date.parse(point.time) + (then?.shift ?? 0)) / 1000));
        const rate = (times: number[], points: Stats[], value: (point: Stats) => number) =>
          step ? perCovered(step, points, points.map(value)) : perSecond(times, points.map(value));
        const chart = (title: string, label: string, values: (times: number[], points: Stats[]) => (number | null)[], unit: (value: number) => string) => (
          <Chart
            title={title}
            times={times}
            lines={[{ label, values: values(times, data) }]}
            before={then ? { times: oldTimes, lines: [{ label, values: values(oldTimes, old) }], name: then.name } : undefined}
            unit={unit}
            marks={marks}
            onRange={setRange}
          />
        );
        const [now, was] = [sumsOf(data), sumsOf(old)];
        const told = (value: string, delta: string) => (then && old.length > 0 ? `${value} ${then.name} (${delta})` : undefined);
        return (
          <>
            <pre class="sql" tabIndex={0}>{any.query_text}</pre>
            <div class="tools">
              <Copy text={() => any.query_text} name="Copy SQL" />
              <span class="muted">query id {hash}, database {any.database_name}{any.user_name && `, user ${any.user_name}`}</span>
              <span class="grow" />
              <Compare />
            </div>
            <SeenText of={seen && { ...seen, last: Math.max(seen.last, ...times.slice(-1).map((time) => time * 1000)) }} />
            <Cut times={times.map((time) => time * 1000)} limit={limit} />
            {then && earlier.data && old.length === 0 && <p class="muted">Nothing is known of it {then.name}: it did not run, or was not watched yet.</p>}
            <div class="cards">
              <Figure value={count(now.calls)} name="calls" was={told(count(was.calls), change(now.calls, was.calls))} />
              <Figure value={millis(now.total)} name="in all" was={told(millis(was.total), change(now.total, was.total))} />
              <Figure value={millis(now.mean)} name="a call" was={told(millis(was.mean), change(now.mean, was.mean))} />
              <Figure value={count(now.rows)} name="rows a call" was={told(count(was.rows), change(now.rows, was.rows))} />
              <Figure value={percent(now.hit)} name="from the cache" was={then && old.length > 0 ? `${percent(was.hit)} ${then.name}` : undefined} />
            </div>
            <div class="grid">
              {chart("Calls per second", "calls", (at, points) => rate(at, points, (point) => point.calls), count)}
              {chart("Mean time of a call", "mean", (_, points) => points.map((point) => (point.calls ? point.mean_time : null)), millis)}
              {chart("Sessions that run it, on average", "sessions", (at, points) => rate(at, points, (point) => point.total_time / 1000), count)}
              {chart("Read from disk per second", "read", (at, points) => rate(at, points, (point) => point.shared_blks_read * BLOCK), bytes)}
            </div>
            <Happened marks={marks} />
          </>
        );
      }}
    </Show>
  );
}

/** What was not usual of it. */
function Found({ id, hash }: { id: string; hash: string }) {
  const unusual = useData<{ anomalies: { id: number; metric_name: string; metric_value: number; baseline_value: number; started_at: string; ended_at: string | null }[] }>(`/api/v1/queries/${hash}/anomalies?days=7`, 120);
  const all = unusual.data?.anomalies ?? [];
  if (all.length === 0) return null;
  return (
    <>
      <h2>Not usual in the last week</h2>
      <ul>
        {all.map((one) => (
          <li key={one.id}>
            {one.metric_name.replaceAll("_", " ")} {count(one.metric_value)}, usually {count(one.baseline_value)}, since {clock(one.started_at)}
            {one.ended_at ? `, over ${ago(one.ended_at)}` : ""} <Link href={`/servers/${id}/unusual`}>What else happened</Link>
          </li>
        ))}
      </ul>
    </>
  );
}

function Page({ server, id, hash }: { server: ServerDetail; id: string; hash: string }) {
  const plans = useData<{ plans: Plan[] }>(plansOf(hash), 120);
  return (
    <>
      <Body server={server} hash={hash} plans={plans.data?.plans ?? []} />
      <OfStatement hash={hash} collector={server.collector_id} />
      <Found id={id} hash={hash} />
      <Plans found={plans} />
    </>
  );
}

export function Query({ id, hash }: { id: string; hash: string }) {
  return <ServerHead id={id}>{(server) => <Page server={server} id={id} hash={hash} />}</ServerHead>;
}
