import { nodes } from "../api";
import { useData } from "../data";
import { bytes, count } from "../format";
import { Show, Status, Table, type Column } from "../parts";

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
}

interface ClusterStatus {
  cluster_id: string;
  term: number;
  leader: number | null;
  feature_level: number;
  nodes: Node[];
}

const COLUMNS: Column<Node>[] = [
  { name: "Node", value: (row) => row.id, show: (row) => row.id },
  { name: "Role", value: (row) => row.role, show: (row) => <Status of={row.reachable ? row.role : "unreachable"} /> },
  { name: "Address", value: (row) => row.http, show: (row) => <a href={row.http}>{row.http}</a> },
  { name: "Committed", number: true, value: (row) => row.committed, show: (row) => row.committed },
  { name: "Applied", number: true, value: (row) => row.applied, show: (row) => row.applied },
  { name: "Stored", number: true, value: (row) => row.flushed, show: (row) => row.flushed },
  { name: "Lag", number: true, value: (row) => row.lag, show: (row) => count(row.lag) },
  { name: "Backlog", number: true, value: (row) => row.backlog_bytes, show: (row) => bytes(row.backlog_bytes) },
  { name: "Version", value: (row) => row.version, show: (row) => row.version ?? "?" },
];

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
            <p class="muted">Leader {found.leader ?? "none"}, term {found.term}, feature level {found.feature_level}, cluster {found.cluster_id}</p>
          </>
        );
      }}
    </Show>
  );
}
