import { useData } from "../data";
import { bytes, count } from "../format";
import { Show, Table, type Column } from "../parts";
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

const SENDERS: Column<Sender>[] = [
  { name: "Standby", value: (row) => row.application, show: (row) => row.application },
  { name: "Address", value: (row) => row.address, show: (row) => row.address ?? "local" },
  { name: "State", value: (row) => row.state, show: (row) => `${row.state}, ${row.sync_state}` },
  { name: "Behind", number: true, value: (row) => row.replay_distance_bytes, show: (row) => bytes(row.replay_distance_bytes) },
  { name: "Lag", number: true, value: (row) => row.replay_lag_seconds, show: (row) => (row.replay_lag_seconds === null ? "none" : `${row.replay_lag_seconds.toFixed(2)} s`) },
  { name: "Slot", value: (row) => row.slot, show: (row) => row.slot ?? "–" },
];

const SLOTS: Column<Slot>[] = [
  { name: "Slot", value: (row) => row.slot_name, show: (row) => row.slot_name },
  { name: "Type", value: (row) => row.slot_type, show: (row) => row.slot_type },
  { name: "Active", value: (row) => String(row.active), show: (row) => (row.active ? "yes" : <span class="error">no</span>) },
  { name: "Holds back", number: true, value: (row) => row.retained_bytes, show: (row) => bytes(row.retained_bytes) },
  { name: "WAL", value: (row) => row.wal_status, show: (row) => row.wal_status ?? "–" },
  { name: "Oldest transaction", number: true, value: (row) => row.xmin_age ?? row.catalog_xmin_age, show: (row) => count(row.xmin_age ?? row.catalog_xmin_age) },
];

function Newest<T>({ collector, kind, id, columns, title, empty }: { collector: string; kind: string; id: string; columns: Column<T>[]; title: string; empty: string }) {
  const from = new Date(Math.floor(Date.now() / 60_000) * 60_000 - 300_000).toISOString();
  const path = `/api/v1/collectors/${collector}/metrics?type=${kind}&order=desc&limit=1&from=${from}`;
  const found = useData<{ data: { rows: T[] }[] }>(path, 10);
  return (
    <>
      <h2>{title}</h2>
      <Show of={found}>{({ data }) => <Table id={id} rows={data[0]?.rows ?? []} columns={columns} empty={empty} />}</Show>
    </>
  );
}

function Body({ server }: { server: ServerDetail }) {
  const collector = server.collector_id;
  return (
    <>
      <Newest collector={collector} kind="pg_sender" id="senders" columns={SENDERS} title="Standbys" empty="No standby in the last five minutes." />
      <Newest collector={collector} kind="pg_slot" id="slots" columns={SLOTS} title="Slots" empty="No slot in the last five minutes." />
    </>
  );
}

export function Replication({ id }: { id: string }) {
  return <ServerHead id={id}>{(server) => <Body server={server} />}</ServerHead>;
}
