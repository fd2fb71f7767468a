import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { useData } from "../data";
import { ago } from "../format";
import { Link, Show, Status, useTitle } from "../parts";
import { OF_SERVER } from "../places";
import { ofRange, Ranges } from "../range";
import { place } from "../router";
import { serverZone } from "../zone";
import { type Alert, isWatchdog } from "./alerts";
import type { ServerRow } from "./fleet";

export interface ServerDetail extends ServerRow {
  instances: { postmaster_start_time?: string; databases: { name: string; size_bytes?: number; connections?: number }[] }[];
}

/** Alerts above a page: more would push the page away. */
const FIRING = 20;

/** What fires on a server, the worst first. */
function Firing({ server }: { server: string }) {
  const path = `/api/v1/alerts?state=firing&page_size=${FIRING}&server=${encodeURIComponent(server)}`;
  const found = useData<{ data: Alert[]; total: number }>(path, 10);
  const shown = found.data?.data.filter((alert) => !isWatchdog(alert) && alert.quiet !== "hidden") ?? [];
  return (
    <>
      {found.error && <p class="error" role="alert">What fires here is not known{found.stale && " anew"}: {found.error.message}</p>}
      {shown.map((alert) => (
        <p key={alert.id} class={`firing ${alert.severity}`}>
          <Status of={alert.severity} /> <Link href={`/alerts?alert=${alert.id}`}>{alert.name}</Link>: {alert.message} <span class="muted">began {ago(alert.fired_at ?? alert.created_at)}</span>
        </p>
      ))}
      {found.data && found.data.total > found.data.data.length && (
        <p class="firing"><Link href={`/alerts?server=${encodeURIComponent(server)}`}>All {found.data.total} that fire here</Link></p>
      )}
    </>
  );
}

/** What stands above each page of a server; one that shows what is now has no range. */
export function ServerHead({ id, isOfNow, children }: { id: string; isOfNow?: boolean; children: (server: ServerDetail) => ComponentChildren }) {
  const server = useData<ServerDetail>(`/api/v1/servers/${encodeURIComponent(id)}`, 15);
  const collector = server.data?.collector_id;
  const identity = useData<{ data: { time_zone?: string }[] }>(collector ? `/api/v1/collectors/${collector}/metrics?type=pg_identity&order=desc&limit=1` : null, 300);
  const told = identity.data?.data[0]?.time_zone ?? "";
  useEffect(() => {
    serverZone.value = told;
  }, [told]);
  const page = OF_SERVER.find(({ path }) => path !== "" && place.value.path.startsWith(`/servers/${id}${path}`)) ?? OF_SERVER[0];
  useTitle(server.data && `${server.data.name}: ${page.name}`);
  return (
    <Show of={server}>
      {(found) => (
        <>
          <div class="head">
            <h1>{found.name}</h1>
            <Status of={found.status} />
            <span class="muted">last seen {ago(found.last_seen)}</span>
            <span class="grow" />
            {!isOfNow && <Ranges />}
          </div>
          <nav class="tabs" aria-label="Of this server">
            {OF_SERVER.map((one) => <Link key={one.path} href={ofRange(`/servers/${id}${one.path}`)} class={one === page ? "here" : ""}>{one.name}</Link>)}
          </nav>
          <Firing server={found.name} />
          {children(found)}
        </>
      )}
    </Show>
  );
}
