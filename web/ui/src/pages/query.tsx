import { Chart } from "../chart";
import { useData } from "../data";
import { count, millis, percent } from "../format";
import { Copy, range, setRange, Show } from "../parts";
import { Plans } from "./plans";
import type { Stats } from "./queries";
import { type ServerDetail, ServerHead } from "./server-head";

function Body({ server, hash }: { server: ServerDetail; hash: string }) {
  const { from, to } = range();
  const window = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`;
  const path = `/api/v1/queries/${hash}/timeline?collector_id=${server.collector_id}&limit=10000&${window}`;
  const found = useData<{ data: Stats[] }>(path, 15);
  return (
    <Show of={found}>
      {({ data }) => {
        if (data.length === 0) return <p class="empty">This statement did not run in this range.</p>;
        const times = data.map((point) => Math.round(Date.parse(point.time) / 1000));
        const line = (label: string, value: (point: Stats) => number | null) => [{ label, values: data.map(value) }];
        const sum = (value: (point: Stats) => number) => data.reduce((total, point) => total + value(point), 0);
        const [calls, total] = [sum((point) => point.calls), sum((point) => point.total_time)];
        const [hit, read] = [sum((point) => point.shared_blks_hit), sum((point) => point.shared_blks_read)];
        const text = data[data.length - 1].query_text;
        return (
          <>
            <pre class="sql" tabIndex={0}>{text}</pre>
            <div class="tools">
              <Copy text={() => text} name="Copy SQL" />
              <span class="muted">query id {hash}, database {data[0].database_name}</span>
            </div>
            <div class="cards">
              <div class="card"><b>{count(calls)}</b>calls</div>
              <div class="card"><b>{millis(total)}</b>in all</div>
              <div class="card"><b>{millis(calls ? total / calls : 0)}</b>a call</div>
              <div class="card"><b>{count(calls ? sum((point) => point.rows) / calls : 0)}</b>rows a call</div>
              <div class="card"><b>{percent(hit / (hit + read))}</b>from the cache</div>
            </div>
            <div class="grid">
              <Chart title="Calls between two samples" times={times} lines={line("calls", (point) => point.calls)} unit={count} onRange={setRange} />
              <Chart title="Mean time of a call" times={times} lines={line("mean", (point) => (point.calls ? point.mean_time : null))} unit={millis} onRange={setRange} />
              <Chart title="Time in all" times={times} lines={line("total", (point) => point.total_time)} unit={millis} onRange={setRange} />
              <Chart title="Blocks read from disk" times={times} lines={line("blocks", (point) => point.shared_blks_read)} unit={count} onRange={setRange} />
            </div>
          </>
        );
      }}
    </Show>
  );
}

export function Query({ id, hash }: { id: string; hash: string }) {
  return <ServerHead id={id}>{(server) => (
    <>
      <Body server={server} hash={hash} />
      <Plans hash={hash} />
    </>
  )}</ServerHead>;
}
