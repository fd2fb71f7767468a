import { Chart, type Line } from "../chart";
import { useData } from "../data";
import { bytes, count, full } from "../format";
import { useMarks } from "../marks";
import { Show } from "../parts";
import { Cut, pace, range, setRange, windowOf } from "../range";
import { perSecond } from "../rates";
import { Table, type Column } from "../table";
import { type ServerDetail, ServerHead } from "./server-head";

interface Sender {
  application: string;
  address: string | null;
  state: string;
  sync_state: string;
  replay_distance_bytes: number | null;
  replay_lag_seconds: number | null;
  slot: string | null;
}

interface Slot {
  slot_name: string;
  slot_type: string;
  active: boolean;
  wal_status: string | null;
  retained_bytes: number | null;
  safe_wal_size: number | null;
  xmin_age: number | null;
  catalog_xmin_age: number | null;
}

const STANDBY_COLUMNS: Column<Sender>[] = [
  { name: "Standby", value: (row) => row.application, show: (row) => row.application },
  { name: "Address", value: (row) => row.address, show: (row) => row.address ?? "local" },
  { name: "State", value: (row) => row.state, show: (row) => `${row.state}, ${row.sync_state}` },
  { name: "Behind", number: true, value: (row) => row.replay_distance_bytes, show: (row) => bytes(row.replay_distance_bytes) },
  { name: "Lag", number: true, value: (row) => row.replay_lag_seconds, show: (row) => (row.replay_lag_seconds === null ? "none" : `${row.replay_lag_seconds.toFixed(2)} s`) },
  { name: "Slot", value: (row) => row.slot, show: (row) => row.slot ?? "–" },
];

const SLOT_COLUMNS: Column<Slot>[] = [
  { name: "Slot", value: (row) => row.slot_name, show: (row) => row.slot_name },
  { name: "Type", value: (row) => row.slot_type, show: (row) => row.slot_type },
  { name: "Active", value: (row) => String(row.active), show: (row) => (row.active ? "yes" : <span class="error">no</span>) },
  { name: "Holds back", number: true, value: (row) => row.retained_bytes, show: (row) => bytes(row.retained_bytes) },
  { name: "WAL", value: (row) => row.wal_status, show: (row) => row.wal_status ?? "–" },
  { name: "Oldest transaction", number: true, value: (row) => row.xmin_age ?? row.catalog_xmin_age, show: (row) => count(row.xmin_age ?? row.catalog_xmin_age) },
];

/** One element: what the rows were at a time. */
export interface Rows<T> {
  timestamp: string;
  rows: T[];
}

/** A figure of each named row over time, the oldest time first. */
export function linesOf<T>(elements: Rows<T>[], name: (row: T) => string, value: (row: T) => number | null): { times: number[]; lines: Line[] } {
  const ordered = [...elements].sort((one, other) => one.timestamp.localeCompare(other.timestamp));
  const names = [...new Set(ordered.flatMap((one) => one.rows.map(name)))];
  const lines = names.map((label) => ({
    label,
    values: ordered.map((one) => {
      const row = one.rows.find((row) => name(row) === label);
      return row ? value(row) : null;
    }),
  }));
  return { times: ordered.map((one) => Math.round(Date.parse(one.timestamp) / 1000)), lines };
}

interface Part<T> {
  kind: string;
  id: string;
  title: string;
  /** What they are called where there is none. */
  nothing: string;
  columns: Column<T>[];
  name: (row: T) => string;
  charts: { title: string; value: (row: T) => number | null; unit: (value: number) => string }[];
}

/** Samples of an answer: the most that the API gives. */
const SAMPLES = 1000;
/** A list of what there was at the end of the range counts as that of now for so long. */
const FRESH = 300_000;

/** The newest rows of a range, and how a figure of them went. */
function Part<T>({ server, part }: { server: ServerDetail; part: Part<T> }) {
  const { from, to } = range();
  const path = `/api/v1/collectors/${server.collector_id}/metrics?type=${part.kind}&order=desc&limit=${SAMPLES}&${windowOf(["from", "to"])}`;
  const found = useData<{ data: Rows<T>[] }>(path, pace(10));
  const marks = useMarks(server, from, to);
  return (
    <>
      <h2>{part.title}</h2>
      <Show of={found}>
        {({ data }) => {
          const newest = data[0];
          if (!newest) return <p class="empty">{part.nothing} in this range.</p>;
          const isOld = Math.min(to, Date.now()) - Date.parse(newest.timestamp) > FRESH;
          return (
            <>
              {isOld && <p class="error">The last that was told is of {full(newest.timestamp)}: since then there is none, or nobody told.</p>}
              <Table id={part.id} rows={newest.rows} columns={part.columns} empty={part.nothing} />
              <Cut times={data.map((one) => Date.parse(one.timestamp))} limit={SAMPLES} />
              <div class="grid apart">
                {part.charts.map(({ title, value, unit }) => (
                  <Chart key={title} title={title} {...linesOf(data, part.name, value)} unit={unit} marks={marks} onRange={setRange} />
                ))}
              </div>
            </>
          );
        }}
      </Show>
    </>
  );
}

const STANDBYS: Part<Sender> = {
  kind: "pg_sender", id: "senders", title: "Standbys", nothing: "No standby", columns: STANDBY_COLUMNS,
  name: (row) => row.application || row.address || "local",
  charts: [
    { title: "How far standbys are behind", value: (row) => row.replay_distance_bytes, unit: bytes },
    { title: "How long standbys are behind", value: (row) => row.replay_lag_seconds, unit: (value) => `${value.toFixed(1)} s` },
  ],
};

const SLOTS: Part<Slot> = {
  kind: "pg_slot", id: "slots", title: "Slots", nothing: "No slot", columns: SLOT_COLUMNS,
  name: (row) => row.slot_name, charts: [{ title: "WAL that slots hold back", value: (row) => row.retained_bytes, unit: bytes }],
};

/** How much log the server writes. */
function Written({ server }: { server: ServerDetail }) {
  const { from, to } = range();
  const path = `/api/v1/collectors/${server.collector_id}/metrics?type=pg_wal&order=desc&limit=${SAMPLES}&${windowOf(["from", "to"])}`;
  const found = useData<{ data: { timestamp: string; lsn_bytes: number | null }[] }>(path, pace(10));
  const marks = useMarks(server, from, to);
  return (
    <Show of={found}>
      {({ data }) => {
        if (data.length < 2) return <p class="empty">The collector told of no log in this range, or once only.</p>;
        const ordered = [...data].reverse();
        const times = ordered.map((one) => Date.parse(one.timestamp) / 1000);
        // Of the first sample it is not known what was written before it, nor across a restore.
        const written = ordered.map((one, at) => {
          const before = ordered[at - 1]?.lsn_bytes;
          return before === undefined || before === null || one.lsn_bytes === null || one.lsn_bytes < before ? null : one.lsn_bytes - before;
        });
        return (
          <>
            <Cut times={data.map((one) => Date.parse(one.timestamp))} limit={SAMPLES} />
            <Chart title="Log per second, written or on a standby replayed" times={times} lines={[{ label: "WAL", values: perSecond(times, written) }]} unit={bytes} marks={marks} onRange={setRange} />
          </>
        );
      }}
    </Show>
  );
}

export function Replication({ id }: { id: string }) {
  return (
    <ServerHead id={id}>
      {(server) => (
        <>
          <Part server={server} part={STANDBYS} />
          <Part server={server} part={SLOTS} />
          <h2>Log (WAL)</h2>
          <Written server={server} />
        </>
      )}
    </ServerHead>
  );
}
