import { useData } from "../data";
import { ago, bytes, clock, count, percent } from "../format";
import { Show, Status } from "../parts";
import { type Column, Table } from "../table";

/** An element of one database, and the newest of each of them. */
interface OfDatabase {
  database: string;
  timestamp: string;
}

/** Elements that are looked through for the newest of each database. */
const DATABASES = 100;

/** The newest element of a type of each database, and whether there may be more databases. */
function useNewest<T extends OfDatabase>(collector: string, type: string) {
  const found = useData<{ data: T[] }>(`/api/v1/collectors/${collector}/metrics?type=${type}&order=desc&limit=${DATABASES}`, 60);
  const seen = new Set<string>();
  const newest = (found.data?.data ?? []).filter((one) => !seen.has(one.database) && seen.add(one.database));
  return { found, newest, isCut: newest.length >= DATABASES };
}

/** Said where there may be databases that were not looked at. */
const Unseen = ({ isCut }: { isCut: boolean }) => (isCut ? <p class="error">Only {DATABASES} databases were looked at: one that is not here may be worse.</p> : null);

interface Autovacuum extends OfDatabase {
  is_on: boolean;
  workers: number;
  max_workers: number;
  workers_here: number;
  wraparound_workers: number;
  over_vacuum: number;
  over_insert: number;
  over_analyze: number;
  disabled: number;
}

const some = (value: number) => (value > 0 ? <span class="warn">{count(value)}</span> : count(value));

const WAITING: Column<Autovacuum>[] = [
  { name: "Database", value: (row) => row.database, show: (row) => row.database },
  { name: "Tables that wait for VACUUM", number: true, value: (row) => row.over_vacuum, show: (row) => some(row.over_vacuum) },
  { name: "after inserts", number: true, value: (row) => row.over_insert, show: (row) => some(row.over_insert) },
  { name: "for ANALYZE", number: true, value: (row) => row.over_analyze, show: (row) => some(row.over_analyze) },
  { name: "Workers here", number: true, value: (row) => row.workers_here, show: (row) => count(row.workers_here) },
  { name: "against wraparound", number: true, value: (row) => row.wraparound_workers, show: (row) => some(row.wraparound_workers) },
  { name: "Tables without autovacuum", number: true, value: (row) => row.disabled, show: (row) => some(row.disabled) },
];

interface Progress {
  command: string;
  pid: number;
  datname: string | null;
  /** The row of the view, whose columns differ by command and version. */
  progress: Record<string, string | number | null>;
}

/** What is done and what there is to do, by command: columns of the views `pg_stat_progress_*`. */
const DONE: Record<string, [string, string]> = {
  vacuum: ["heap_blks_scanned", "heap_blks_total"],
  analyze: ["sample_blks_scanned", "sample_blks_total"],
  create_index: ["blocks_done", "blocks_total"],
  cluster: ["heap_blks_scanned", "heap_blks_total"],
  copy: ["bytes_processed", "bytes_total"],
  basebackup: ["backup_streamed", "backup_total"],
};

function share({ command, progress }: Progress): number | null {
  const [done, total] = (DONE[command] ?? []).map((name) => Number(progress[name] ?? 0));
  return total > 0 ? done / total : null;
}

const RUNNING: Column<Progress>[] = [
  { name: "Command", value: (row) => row.command, show: (row) => row.command.replace("_", " ") },
  { name: "Database", value: (row) => row.datname, show: (row) => row.datname ?? "–" },
  { name: "Table (oid)", value: (row) => row.progress.relid, show: (row) => row.progress.relid ?? "–" },
  { name: "Phase", value: (row) => row.progress.phase, show: (row) => row.progress.phase ?? "–" },
  { name: "Done", number: true, value: share, show: (row) => percent(share(row)) },
  { name: "Process", number: true, value: (row) => row.pid, show: (row) => row.pid },
];

/** What is told every 10 s while it runs counts as running for so long, in milliseconds. */
const NOW = 30_000;

/** What autovacuum does, what it has not got to yet, and other long commands that tell how far they are. */
export function Vacuum({ collector }: { collector: string }) {
  const { found, newest, isCut } = useNewest<Autovacuum>(collector, "pg_autovacuum");
  const progress = useData<{ data: { timestamp: string; rows: Progress[] }[] }>(`/api/v1/collectors/${collector}/metrics?type=pg_progress&order=desc&limit=1`, 10);
  const running = progress.data?.data.find((one) => Date.now() - Date.parse(one.timestamp) < NOW);
  const [first] = newest;
  return (
    <>
      <h2>Autovacuum</h2>
      <Show of={found}>
        {() =>
          first ? (
            <>
              <p class={first.is_on ? "muted" : "error"}>
                {first.is_on ? <Status of="on" /> : "It is off: nothing removes dead rows, and transaction ids will run out."} {count(first.workers)} of {count(first.max_workers)} workers run
                {first.workers >= first.max_workers && <span class="error">: all are busy, so that other tables wait</span>}. Told {ago(first.timestamp)}.
              </p>
              <Table id="autovacuum" rows={newest} columns={WAITING} empty="" />
              <Unseen isCut={isCut} />
            </>
          ) : (
            <p class="empty">This collector tells nothing of autovacuum: pganalytics collect --dsn … does.</p>
          )
        }
      </Show>
      {running && (
        <>
          <h2>Running at {clock(running.timestamp)}</h2>
          <Table id="progress" rows={running.rows} columns={RUNNING} empty="Nothing that tells its progress." />
        </>
      )}
    </>
  );
}

interface Bloat extends OfDatabase {
  rows: { schema: string; relation: string; kind: string; wasted_bytes: number; wasted_share: number; confidence: string }[];
}

type Wasted = Bloat["rows"][0] & { database: string };

const WASTED: Column<Wasted>[] = [
  { name: "Table or index", value: (row) => `${row.schema}.${row.relation}`, show: (row) => `${row.schema}.${row.relation}` },
  { name: "Kind", value: (row) => row.kind, show: (row) => row.kind },
  { name: "Database", value: (row) => row.database, show: (row) => row.database },
  { name: "Wasted", number: true, value: (row) => row.wasted_bytes, show: (row) => bytes(row.wasted_bytes) },
  { name: "Share", number: true, value: (row) => row.wasted_share, show: (row) => <span class={row.wasted_share > 0.5 ? "error" : ""}>{percent(row.wasted_share)}</span> },
  { name: "The estimate is", value: (row) => row.confidence, show: (row) => (row.confidence === "high" ? "good" : "rough") },
];

/** Space that tables and indexes hold and do not use, estimated from the statistics of their columns. */
export function Wasted({ collector }: { collector: string }) {
  const { found, newest, isCut } = useNewest<Bloat>(collector, "pg_bloat_estimate");
  const rows = newest.flatMap((one) => one.rows.map((row) => ({ ...row, database: one.database }))).sort((one, other) => other.wasted_bytes - one.wasted_bytes);
  return (
    <>
      <h2>Space that is held and not used</h2>
      <Show of={found}>
        {() => (
          <>
            <Table id="bloat" rows={rows} columns={WASTED} empty="This collector sends no estimate: pganalytics collect --dsn … does, once an hour." />
            <Unseen isCut={isCut} />
          </>
        )}
      </Show>
    </>
  );
}

interface Freeze extends OfDatabase {
  rows: { schema: string; name: string; xid_age: number; mxid_age: number; freeze_max_age: number }[];
}

type Old = Freeze["rows"][0] & { database: string };

/** Transactions after which a server stops taking commands: 2³¹ less three million. */
const STOP = 2 ** 31 - 3_000_000;

/** The oldest tables of all databases that are shown. */
const OLDEST = 20;

const OLD: Column<Old>[] = [
  { name: "Database", value: (row) => row.database, show: (row) => row.database },
  { name: "Table", value: (row) => `${row.schema}.${row.name}`, show: (row) => `${row.schema}.${row.name}` },
  { name: "Age", number: true, value: (row) => row.xid_age, show: (row) => count(row.xid_age) },
  { name: "of what autovacuum waits for", number: true, value: (row) => row.xid_age / row.freeze_max_age, show: (row) => percent(row.xid_age / row.freeze_max_age) },
  { name: "of what the server can do", number: true, value: (row) => row.xid_age / STOP, show: (row) => <span class={row.xid_age / STOP > 0.5 ? "error" : ""}>{percent(row.xid_age / STOP)}</span> },
  { name: "Multixact age", number: true, value: (row) => row.mxid_age, show: (row) => count(row.mxid_age) },
];

/** The tables whose transaction ids are oldest. */
export function Frozen({ collector }: { collector: string }) {
  const { found, newest, isCut } = useNewest<Freeze>(collector, "pg_freeze");
  const rows = newest.flatMap((one) => one.rows.map((row) => ({ ...row, database: one.database }))).sort((one, other) => other.xid_age - one.xid_age);
  return (
    <>
      <h2>How far transaction ids are used up</h2>
      <Show of={found}>
        {() => (
          <>
            <Table id="freeze" rows={rows.slice(0, OLDEST)} total={rows.length} columns={OLD} empty="This collector sends no ages: pganalytics collect --dsn … does." />
            <Unseen isCut={isCut} />
          </>
        )}
      </Show>
    </>
  );
}
