// Statements: their plans, their figures beside those of another time, and what became of them.
import { ask, busiest, enter, fresh, login, problems, register, shot, watch } from "./harness.mjs";

/** A plan of a statement, as a collector sends it: one bad estimate, and a scan that keeps little. */
async function sendPlan(page, hash) {
  const scan = {
    "Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "orders", Alias: "orders", Filter: "(customer_id = $1)", "Startup Cost": 0, "Total Cost": 3500,
    "Plan Rows": 10, "Plan Width": 8, "Actual Startup Time": 0.1, "Actual Total Time": 90, "Actual Rows": 2000, "Actual Loops": 1, "Rows Removed by Filter": 198000,
    "Shared Hit Blocks": 100, "Shared Read Blocks": 1567,
  };
  const sort = {
    "Node Type": "Sort", "Sort Key": ["created_at DESC"], "Startup Cost": 3600, "Total Cost": 3610, "Plan Rows": 10, "Plan Width": 8, "Actual Startup Time": 100, "Actual Total Time": 100,
    "Actual Rows": 2000, "Actual Loops": 1, "Shared Hit Blocks": 100, "Shared Read Blocks": 1567, Plans: [scan],
  };
  const status = await page.evaluate(async ([hash, plan]) => {
    const all = await (await fetch("/api/v1/collectors")).json();
    const token = document.cookie.match(/csrf_token=([^;]*)/)[1];
    const body = JSON.stringify({ collector_id: all.data[0].id, query_hash: 0, plan_json: plan }).replace('"query_hash":0', `"query_hash":${hash}`);
    const answer = await fetch("/api/v1/internal/explain-plans", { method: "POST", body, headers: { "Content-Type": "application/json", "X-CSRF-Token": token } });
    // What is accepted is on a quorum; a moment later it is in the store.
    for (let tries = 0; tries < 50; tries++) {
      const { count } = await (await fetch(`/api/v1/queries/${hash}/explain/history`)).json();
      if (count > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return answer.status;
  }, [hash, { Plan: sort, "Execution Time": 100 }]);
  if (status !== 201) problems.push(`a plan was answered ${status}`);
}

/** The tree of a statement's plan: shares, what is off, findings at their node, the text to copy. */
export async function planTree(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  await fresh(context);
  const page = await context.newPage();
  watch(page, base);
  await page.goto(base);
  await login(page, admin);
  const hash = await busiest(page);
  await sendPlan(page, hash);
  await page.goto(`${base}/servers/1/queries/${hash}`);
  const tree = page.locator(".plan").first();
  await tree.getByText("Seq Scan on orders").first().waitFor({ timeout: 20_000 });
  const line = tree.locator("tr", { hasText: "Seq Scan on orders" });
  for (const text of ["90.0 %", "200 × more", "seq scan selective", "198,000 rows thrown away"]) {
    if (!(await line.textContent()).includes(text)) problems.push(`the plan's node does not say ${text}`);
  }
  await tree.getByText("Copy plan").click();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  if (copied.Plan["Node Type"] !== "Sort") problems.push("the copied plan is another one");
  await context.close();
}

/** From the login to a plan by the keyboard alone: the focus is always seen, and nothing holds it. */
export async function keyboard(browser, cluster) {
  const page = await enter(browser, cluster, "/servers/1", { permissions: ["clipboard-read", "clipboard-write"] });
  const hash = await busiest(page);
  await sendPlan(page, hash);
  await page.keyboard.press("/");
  await page.keyboard.type(hash);
  await page.getByRole("group", { name: "Statements" }).getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Copy plan" }).first().waitFor();
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return { text: (element.getAttribute("aria-label") ?? element.textContent ?? "").slice(0, 40), isBody: element === document.body, isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 };
    });
  const seen = [];
  for (let presses = 0; presses < 150; presses++) {
    await page.keyboard.press("Tab");
    const now = await focused();
    if (now.isBody) break;
    if (!now.isSeen) problems.push(`the focus is not seen on ${now.text}`);
    seen.push(now.text);
    if (now.text === "Copy plan") {
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Copied" }).waitFor();
      const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
      if (copied.Plan["Node Type"] !== "Sort") problems.push("the keyboard copied another plan");
    }
  }
  if (!seen.includes("Copy plan")) problems.push(`the keyboard does not reach the plan: ${seen.join(", ")}`);
  if (!seen.includes("Pause")) problems.push(`something holds the focus: ${seen.slice(-3).join(", ")}`);
  await page.context().close();
}

/** Counters of a statement, as pg_stat_statements has them. */
export function counters(hash, text, calls) {
  const nothing = ["shared_blks_dirtied", "shared_blks_written", "local_blks_hit", "local_blks_read", "local_blks_dirtied", "local_blks_written", "temp_blks_read", "temp_blks_written", "blk_read_time", "blk_write_time", "wal_records", "wal_fpi", "wal_bytes"];
  return {
    hash, text, calls, rows: calls, total_time: calls * 2.5, mean_time: 2.5, min_time: 1, max_time: 9, stddev_time: 1, shared_blks_hit: calls * 9, shared_blks_read: calls,
    ...Object.fromEntries(nothing.map((name) => [name, 0])),
  };
}

const [OLD, STEADY, NEW] = [910_000_001, 910_000_002, 910_000_003];
const [MINUTE, DAY] = [60_000, 86_400_000];

/**
 * A server that was watched yesterday and is watched today, at the same minutes: one statement runs
 * twice as often today, one has ended, and one began 20 minutes ago. Returns the server's number.
 */
async function watchedSinceYesterday(page, cluster, name) {
  const { collector_id, token } = await register(cluster, name);
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  const metrics = [];
  let steady = 0;
  const sample = (at, queries) => metrics.push({ type: "pg_query_stats", timestamp: new Date(at).toISOString(), database: "shop", queries });
  // A collector's clock may go ahead a little: so the last hour is full for as long as this takes.
  for (let minute = -62; minute <= 4; minute++) {
    steady += 30;
    sample(now - DAY + minute * MINUTE, [counters(STEADY, "SELECT steady FROM history", steady), counters(OLD, "SELECT ended FROM history", 1000 + minute)]);
  }
  for (let minute = -62; minute <= 4; minute++) {
    // Between the days nothing ran.
    if (minute > -62) steady += 60;
    const began = minute >= -20 ? [counters(NEW, "SELECT new FROM history", 10 * (minute + 21))] : [];
    sample(now + minute * MINUTE, [counters(STEADY, "SELECT steady FROM history", steady), ...began]);
  }
  const body = JSON.stringify({ collector_id, hostname: `${name}.example.org`, timestamp: new Date().toISOString(), version: "3.0.0", metrics });
  const answer = await fetch(`${cluster.nodes[0].http}/api/v1/metrics/push`, { method: "POST", body, headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`samples of yesterday were answered ${answer.status}`);
  const { body: told } = await ask(page, "GET", `/api/v1/collectors/${collector_id}`);
  for (let tries = 0; tries < 50; tries++) {
    const { body: found } = await ask(page, "GET", `/api/v1/queries/${NEW}/timeline?collector_id=${collector_id}`);
    if (found.data?.length > 0) break;
    await page.waitForTimeout(100);
  }
  return { server: told.server_id, began: now - 20 * MINUTE, ended: now - DAY + 4 * MINUTE };
}

/** Compare with a day before, in the list and in the charts; zones; the values of a chart as a table. */
export async function comparing(browser, cluster) {
  const page = await enter(browser, cluster, "/", { timezoneId: "Asia/Kolkata" });
  const base = cluster.nodes[0].http;
  const { server } = await watchedSinceYesterday(page, cluster, "zz-compared");
  await page.goto(`${base}/servers/${server}/queries`);
  await page.getByLabel("Compare with").selectOption("day");
  await page.waitForURL(/compare=day/);
  const row = (text) => page.locator("tbody tr", { hasText: text });
  await row("SELECT steady").locator("td", { hasText: "+ 100 %" }).first().waitFor();
  await row("SELECT new").locator("td", { hasText: "new" }).first().waitFor();
  // Sixty calls a minute, and so it was all the time.
  const steady = row("SELECT steady").locator("td");
  const heads = await page.locator("thead th").allTextContents();
  const rate = Number(await steady.nth(heads.indexOf("a second")).textContent());
  if (!(Math.abs(rate - 1) < 0.05)) problems.push(`sixty calls a minute are ${rate} a second`);
  const line = await row("SELECT steady").locator("svg.spark path").getAttribute("d");
  const heights = [...line.matchAll(/,([\d.]+)/g)].map((one) => Number(one[1]));
  // The first part and the last one may hold a sample more or less than the others.
  const middle = heights.slice(1, -1);
  if (heights.length < 25 || Math.max(...middle) - Math.min(...middle) > 1) problems.push(`what ran evenly is drawn as ${line}`);
  await row("SELECT steady").getByRole("link").click();
  await page.waitForURL(/queries\/.*compare=day/);
  await page.getByText("a day before (+ 100 %)").first().waitFor();
  await page.getByText("calls, a day before").waitFor();
  await page.screenshot({ path: shot("query-compared"), fullPage: true });
  // A range that is dragged stands in the address, and Back restores what was.
  const before = page.url();
  const chart = await page.locator(".u-over").first().boundingBox();
  await page.mouse.move(chart.x + chart.width * 0.3, chart.y + 40);
  await page.mouse.down();
  await page.mouse.move(chart.x + chart.width * 0.6, chart.y + 40, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  const args = new URL(page.url()).searchParams;
  const minutes = (Date.parse(args.get("to")) - Date.parse(args.get("from"))) / 60_000;
  if (Math.abs(minutes - 18) > 1) problems.push(`three tenths of an hour became ${minutes} min`);
  await page.goBack();
  if (page.url() !== before) problems.push(`Back leads to ${page.url()}`);
  await page.getByText(/calls.* a day before \(/).first().waitFor();
  // The zone goes along to every place, and its times are those of the zone.
  const newest = async () => {
    await page.getByRole("button", { name: "Table" }).first().click();
    const text = await page.locator(".values td").first().textContent();
    await page.getByRole("button", { name: "Table" }).first().click();
    return text;
  };
  const local = await newest();
  await page.getByLabel("Time zone").selectOption("utc");
  await page.waitForURL(/zone=utc/);
  const utc = await newest();
  const apart = Date.parse(`${local.replace(" ", "T")}Z`) - Date.parse(`${utc.replace(" ", "T")}Z`);
  if (Math.abs(apart - 5.5 * 3_600_000) > 120_000) problems.push(`Kolkata and UTC are ${apart} ms apart: ${local}, ${utc}`);
  await page.getByRole("link", { name: "Logs" }).click();
  if (!page.url().includes("zone=utc")) problems.push(`the zone is lost at ${page.url()}`);
  await page.context().close();
}

/** Since when a statement is known, and the way back to where it was seen last. */
export async function seen(browser, cluster) {
  const page = await enter(browser, cluster, "/", {}, /status of (401|503)/);
  const base = cluster.nodes[0].http;
  const { server, began, ended } = await watchedSinceYesterday(page, cluster, "zz-seen");
  const text = (at) => new Date(at).toISOString().replace("T", " ").slice(0, 19);
  const open = (hash) => page.goto(`${base}/servers/${server}/queries/${hash}?zone=utc`);
  await open(NEW);
  await page.getByText(`first seen ${text(began)}, `).waitFor();
  // A question that fails is asked again.
  let failed = 0;
  await page.route(/metrics\?type=pg_query_stats/, (route) => (failed++ === 0 ? route.fulfill({ status: 503, json: { code: 503, message: "Overloaded", error: "Overloaded" } }) : route.continue()));
  await open(STEADY);
  await page.waitForTimeout(1_000);
  if (failed !== 1) problems.push(`since when a statement is known was asked ${failed} times at once`);
  await page.getByText("seen as far back as samples are kept").waitFor();
  await open(OLD);
  await page.getByText(`It was last seen ${text(ended)}.`).waitFor();
  await page.getByRole("button", { name: "Look there" }).click();
  await page.waitForURL(/from=.*to=/);
  await page.getByText("SELECT ended FROM history").waitFor();
  await page.context().close();
}

/** Two named windows of time, and what became of the statements between them. */
export async function snapshots(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext();
  await fresh(context);
  const page = await context.newPage();
  watch(page, base);
  await page.goto(`${base}/servers/1/snapshots`);
  await login(page, admin);
  await busiest(page);
  for (const name of ["before 4.2", "after 4.2"]) {
    await page.getByRole("textbox", { name: "Name" }).fill(name);
    await page.getByRole("button", { name: "Take it" }).click();
    await page.locator("tbody tr", { hasText: name }).waitFor();
  }
  await page.locator("tbody tr", { hasText: "before 4.2" }).getByRole("button", { name: "before" }).click();
  await page.locator("tbody tr", { hasText: "after 4.2" }).getByRole("button", { name: "after" }).click();
  await page.getByText("too few calls to tell").waitFor();
  const told = await page.evaluate(async () => {
    const args = new URLSearchParams(location.search);
    const all = await (await fetch("/api/v1/collectors")).json();
    return (await fetch(`/api/v1/queries/comparison?before_snapshot=${args.get("before")}&after_snapshot=${args.get("after")}&collector_id=${all.data[0].id}&limit=100`)).json();
  });
  const shown = await page.locator(".cards .card b").allTextContents();
  const want = ["degraded", "improved", "unchanged", "inconclusive", "not_comparable", "new", "gone"].map((name) => String(told[`${name}_count`]));
  if (shown.join() !== want.join()) problems.push(`the comparison shows ${shown}, the node tells ${want}`);
  if (want.every((count) => count === "0")) problems.push("the comparison has no statement");
  await page.screenshot({ path: shot("comparison"), fullPage: true });
  await context.close();
}
