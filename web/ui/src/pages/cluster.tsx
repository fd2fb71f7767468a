import { useState } from "preact/hooks";
import { call, nodes, user } from "../api";
import { useData } from "../data";
import { ago, bytes, count, full as time, percent } from "../format";
import { Show, Status, useChange } from "../parts";
import { Table, type Column } from "../table";

interface Node {
  id: number;
  role: string;
  http: string;
  reachable: boolean;
  last: number;
  committed: number;
  applied: number;
  flushed: number;
  lag: number;
  backlog_bytes: number;
  version?: string;
  /** What the node tells of its host. */
  condition?: { certificates?: { node?: number }; disk_used_bytes?: number; disk_bytes?: number };
}

interface ClusterStatus {
  cluster_id: string;
  term: number;
  leader: number | null;
  feature_level: number;
  nodes: Node[];
}

/** A figure that a node told; of one that does not answer nothing is known. */
const known = (row: Node, value: number) => (row.reachable ? value : null);

/** A disk that is fuller than this is said in red, and a certificate that ends in less than 30 days. */
const FULL = 0.85;
const SOON = 30 * 86_400_000;

/** The share of the node's disk that is used. */
function full(row: Node): number | null {
  const { disk_used_bytes: used, disk_bytes: all } = row.condition ?? {};
  return row.reachable && used !== undefined && all ? used / all : null;
}

/** When the certificate of the node ends, in milliseconds since 1970; nothing without certificates. */
function ends(row: Node): number | null {
  const micros = row.reachable ? row.condition?.certificates?.node : undefined;
  return micros ? micros / 1000 : null;
}

const day = (at: number | null) => (at === null ? "–" : time(at).slice(0, 10));

const COLUMNS: Column<Node>[] = [
  { name: "Node", value: (row) => row.id, show: (row) => row.id },
  { name: "Role", value: (row) => row.role, show: (row) => <Status of={row.reachable ? row.role : "unreachable"} /> },
  { name: "Address", value: (row) => row.http, show: (row) => <a href={row.http}>{row.http}</a> },
  { name: "Accepted", number: true, value: (row) => known(row, row.last), show: (row) => known(row, row.last) ?? "–" },
  { name: "Committed", number: true, value: (row) => known(row, row.committed), show: (row) => known(row, row.committed) ?? "–" },
  { name: "Applied", number: true, value: (row) => known(row, row.applied), show: (row) => known(row, row.applied) ?? "–" },
  { name: "Stored", number: true, value: (row) => known(row, row.flushed), show: (row) => known(row, row.flushed) ?? "–" },
  { name: "Lag", number: true, value: (row) => known(row, row.lag), show: (row) => count(known(row, row.lag)) },
  { name: "Backlog", number: true, value: (row) => known(row, row.backlog_bytes), show: (row) => bytes(known(row, row.backlog_bytes)) },
  { name: "Disk", number: true, value: full, show: (row) => <span class={(full(row) ?? 0) > FULL ? "error" : ""}>{percent(full(row))}</span> },
  { name: "Certificate ends", value: ends, show: (row) => <span class={(ends(row) ?? Infinity) < Date.now() + SOON ? "error" : ""}>{day(ends(row))}</span> },
  { name: "Version", value: (row) => row.version, show: (row) => row.version ?? "–" },
];

interface Job {
  name: string;
  last_run: string | null;
  error: string | null;
}

/** What the leader does by itself, and a button to have it done now. */
function Jobs() {
  const found = useData<{ jobs: Job[] }>("/api/v1/jobs", 15);
  const [error, change] = useChange();
  const [said, say] = useState("");
  const run = (job: Job) =>
    change(async () => {
      say(`${job.name} runs…`);
      await call("POST", `/api/v1/jobs/${job.name}/run`);
      say(`${job.name} is done.`);
    });
  const columns: Column<Job>[] = [
    { name: "Job", value: (row) => row.name, show: (row) => row.name.replaceAll("_", " ") },
    { name: "Last run", value: (row) => row.last_run, show: (row) => ago(row.last_run) },
    { name: "Ended", value: (row) => row.error, show: (row) => (row.error ? <span class="error">{row.error}</span> : row.last_run ? "well" : "–") },
    { name: "Do", show: (row) => user.value?.role === "admin" && <button type="button" onClick={() => void run(row)}>Run now</button> },
  ];
  return (
    <>
      <h2>Jobs of the leader</h2>
      {said && <p role="status">{said}</p>}
      {error && <p class="error" role="alert">{error}</p>}
      <Show of={found}>{({ jobs }) => <Table id="jobs" rows={jobs} columns={columns} empty="No job." />}</Show>
    </>
  );
}

/** The nodes, who leads, and how far each is. */
export function Cluster() {
  const status = useData<ClusterStatus>("/api/v1/cluster/status", 3);
  return (
    <Show of={status}>
      {(found) => {
        nodes.value = found.nodes.map((node) => node.http);
        const gone = found.nodes.filter((node) => !node.reachable).length;
        const majority = Math.floor(found.nodes.length / 2) + 1;
        const spare = found.nodes.length - gone - majority;
        return (
          <>
            <div class="head">
              <h1>Cluster</h1>
              <span class={gone ? "error" : "muted"}>
                {gone ? `${gone} of ${found.nodes.length} nodes do not answer` : "all nodes answer"}
                {spare > 0 ? `; ${spare} more may fail` : spare === 0 ? "; no further one may fail" : "; no majority: nothing can be written"}
              </span>
            </div>
            <Table id="nodes" rows={found.nodes} columns={COLUMNS} empty="No node." />
            <p class="muted">
              Positions of the log: accepted is what a node has on its disk, committed what a majority has and was answered, applied what its state holds,
              stored what is in the database. The lag is of the state behind the newest entry, the backlog what waits for the database.
            </p>
            <p class="muted">Leader {found.leader ?? "none"}, term {found.term}, feature level {found.feature_level}, cluster {found.cluster_id}</p>
            <Jobs />
          </>
        );
      }}
    </Show>
  );
}
