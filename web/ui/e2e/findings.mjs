// What the nodes find out: on all servers, and the advice of one.
import { accessible, ask, enter, problems, register, shot } from "./harness.mjs";
import { counters } from "./statements.mjs";

const [SLOW, MINUTE] = [930_000_001, 60_000];

/** A server that reads a table of a million rows without an index on what it asks for. */
async function withoutIndex(page, cluster, name, database) {
  const { collector_id, token } = await register(cluster, name);
  const now = Date.now();
  const at = (minutes) => new Date(now - minutes * MINUTE).toISOString();
  const metrics = [];
  for (let minute = 60; minute >= 0; minute--) {
    const row = counters(SLOW, "SELECT * FROM lines WHERE order_id = $1", (61 - minute) * 100);
    metrics.push({ type: "pg_query_stats", timestamp: at(minute), database, queries: [{ ...row, total_time: row.calls * 40, mean_time: 40 }] });
  }
  const column = (attname, attnum, n_distinct) => ({ schemaname: "public", relname: "lines", attname, attnum, type: "integer", is_not_null: true, null_frac: 0, avg_width: 4, n_distinct, correlation: 0.1 });
  const element = (type, rows) => metrics.push({ type, timestamp: at(0), database, changed_only: false, rows });
  element("pg_table", [{ schemaname: "public", relname: "lines", relkind: "r", reltuples: 1_000_000, relpages: 22_000, relallvisible: 22_000, n_tup_ins: 0 }]);
  element("pg_column", [column("id", 1, -1), column("order_id", 2, -0.5)]);
  element("pg_schema_object", [{ class: "index", schemaname: "public", relname: "lines", name: "lines_pkey", kind: "btree", columns: ["id"], include: [], definition: "CREATE UNIQUE INDEX lines_pkey ON public.lines USING btree (id)" }]);
  const body = JSON.stringify({ collector_id, hostname: `${name}.example.org`, timestamp: at(0), version: "3.0.0", metrics });
  const answer = await fetch(`${cluster.nodes[0].http}/api/v1/metrics/push`, { method: "POST", body, headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`a workload was answered ${answer.status}`);
  for (let tries = 0; tries < 50; tries++) {
    const { body: found } = await ask(page, "GET", `/api/v1/collectors/${collector_id}/queries/slow?hours=2`);
    if (found.queries?.length > 0) break;
    await page.waitForTimeout(100);
  }
}

/** An index that is missing stands in the list of all servers, and leads to its server, where the statement is copied. */
export async function findings(browser, cluster) {
  const page = await enter(browser, cluster, "/", { permissions: ["clipboard-read", "clipboard-write"], viewport: { width: 1360, height: 900 } });
  await withoutIndex(page, cluster, "zz-advised", "lacking");
  const { status, body } = await ask(page, "POST", "/api/v1/databases/lacking/index-recommendations/generate");
  if (status !== 200 || body.recommendations_generated !== 1) problems.push(`an index that is missing was answered ${status} ${JSON.stringify(body)}`);
  await page.keyboard.press("g");
  await page.keyboard.press("k");
  await page.waitForURL("**/findings");
  const want = "CREATE INDEX CONCURRENTLY lines_order_id_idx ON public.lines (order_id);";
  const row = page.locator("tbody tr", { hasText: want });
  await row.getByText("lacking").waitFor({ timeout: 20_000 });
  await accessible(page, "findings");
  await page.screenshot({ path: shot("findings"), fullPage: true });
  await row.getByRole("link", { name: "zz-advised" }).click();
  await page.waitForURL(/servers\/\d+\/advice/);
  const card = page.getByRole("article", { name: want });
  await card.getByRole("button", { name: "Copy SQL" }).first().click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  if (copied !== want) problems.push(`the advice is copied as ${copied}`);
  await accessible(page, "advice");
  await page.screenshot({ path: shot("advice"), fullPage: true });
  await card.getByLabel("Reason").fill("the table goes");
  await card.getByRole("button", { name: "Dismiss" }).click();
  await card.waitFor({ state: "detached" });
  await page.context().close();
}
