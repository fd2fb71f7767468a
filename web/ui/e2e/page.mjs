// The page in a real browser, against three nodes of the demo: every page in both themes, with a
// check of accessibility, no message on the console, and no request to another origin.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const program = process.env.PGANALYTICS_TEST_PROGRAM ?? join(root, "target/debug/pganalytics");
const shots = join(root, "target/ui");
const axe = readFileSync(join(root, "web/ui/node_modules/axe-core/axe.min.js"), "utf8");
const problems = [];

/** Three nodes with a simulated collector, and how they are reached. */
async function demo(dir) {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const args = ["demo", "--json", "--dir", dir, "--http-base-port", String(port), "--quic-base-port", String(port + 10)];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (data) => {
      text += data;
      if (text.includes("\n")) resolve(text.split("\n")[0]);
    });
    child.on("exit", (code) => reject(new Error(`the demo ended: ${code}`)));
  });
  return { child, ...JSON.parse(line) };
}

/** With PGANALYTICS_TEST_DIST the page is that of the folder dist, so that the program need not be built anew. */
async function fresh(context) {
  if (!process.env.PGANALYTICS_TEST_DIST) return;
  for (const [name, type] of [["app.js", "text/javascript"], ["app.css", "text/css"]]) {
    await context.route(`**/ui/*/${name}`, (route) => route.fulfill({ path: join(root, "web/ui/dist", name), contentType: type }));
  }
}

/** A browser writes each refused answer on the console; `refusals` are those that are asked for. */
function watch(page, base, refusals = /status of 401/) {
  page.on("console", (message) => {
    if (message.type() === "error" && !refusals.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:")) problems.push(`request to another origin: ${url}`);
  });
}

async function login(page, admin) {
  await page.waitForSelector("form.login");
  await page.fill("input[name=username]", admin.username);
  await page.fill("input[name=password]", admin.password);
  await page.keyboard.press("Enter");
  await page.waitForSelector("form.login", { state: "detached" });
}

/** The busiest statement of the first collector, once two samples have told of one. */
async function busiest(page) {
  for (let tries = 0; tries < 90; tries++) {
    const hash = await page.evaluate(async () => {
      const all = await (await fetch("/api/v1/collectors")).json();
      const id = all.data?.[0]?.id;
      const text = await (await fetch(`/api/v1/collectors/${id}/queries/slow?order=total`)).text();
      return (text.match(/"query_hash":(-?\d+)/) ?? [])[1];
    });
    if (hash) return hash;
    await page.waitForTimeout(1000);
  }
  throw new Error("no statement was told of in 90 s");
}

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
async function planTree(browser, { nodes, admin }) {
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

async function accessible(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run();
    return violations.map((one) => `${one.id} (${one.impact}): ${one.nodes[0].target.join(" ")}`);
  });
  for (const one of found) problems.push(`${name}: ${one}`);
}

async function everyPage(browser, { nodes, admin }, scheme) {
  const base = nodes[0].http;
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 1360, height: 900 } });
  await fresh(context);
  const page = await context.newPage();
  watch(page, base);
  await page.goto(`${base}/servers/1/queries?hours=6`);
  await login(page, admin);
  if (!page.url().endsWith("/servers/1/queries?hours=6")) problems.push(`the login lost the address: ${page.url()}`);
  const kept = await page.evaluate(() => localStorage.length + sessionStorage.length);
  if (kept > 0) problems.push("something stands in the browser's storage");
  const hash = await busiest(page);
  const pages = {
    fleet: ["/", "Fleet"],
    server: ["/servers/1", "Commits per second"],
    why: ["/servers/1/why", "Load by group"],
    activity: ["/servers/1/activity", "Activity and locks"],
    queries: ["/servers/1/queries", "Statement"],
    query: [`/servers/1/queries/${hash}`, "Mean time of a call"],
    snapshots: ["/servers/1/snapshots", "New snapshot"],
    advice: ["/servers/1/advice", "Judge now"],
    unusual: ["/servers/1/unusual", "What is not usual"],
    logs: ["/servers/1/logs", "Class"],
    tables: ["/servers/1/tables", "Dead rows"],
    replication: ["/servers/1/replication", "Standbys"],
    alerts: ["/alerts", "Over"],
    rules: ["/alerts/rules", "lock_blocking"],
    channels: ["/alerts/channels", "New channel"],
    cluster: ["/cluster", "all nodes answer"],
    silences: ["/alerts/silences", "New maintenance window"],
    collectors: ["/collectors", "Make a registration secret"],
    people: ["/people", "admin@"],
    account: ["/account", "Make a token"],
    audit: ["/audit", "Audit log"],
  };
  for (const [name, [path, text]] of Object.entries(pages)) {
    await page.goto(base + path);
    try {
      await page.getByText(text).first().waitFor({ timeout: 20_000 });
    } catch {
      problems.push(`${name}, ${scheme}: ${JSON.stringify(text)} is not shown`);
    }
    await page.waitForTimeout(300);
    await page.screenshot({ path: join(shots, `${name}-${scheme}.png`), fullPage: true });
    await accessible(page, `${name}, ${scheme}`);
  }
  await page.setViewportSize({ width: 320, height: 700 });
  for (const path of ["/", "/servers/1", "/servers/1/queries", "/cluster"]) {
    await page.goto(base + path);
    await page.waitForTimeout(500);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 320) problems.push(`${path} scrolls sideways at 320 px: ${width}`);
  }
  await context.close();
}

/** What another time had: the same figures, with half of the calls, as they stand a day later. */
async function yesterday(page) {
  await page.route(/\/queries\/.*(from|start_time)=/, async (route) => {
    const url = new URL(route.request().url());
    const from = Date.parse(url.searchParams.get("from"));
    if (Date.now() - from < 20 * 3_600_000) return route.continue();
    for (const name of ["from", "to"]) url.searchParams.set(name, new Date(Date.parse(url.searchParams.get(name)) + 86_400_000).toISOString());
    const answer = await route.fetch({ url: url.href });
    const text = (await answer.text()).replace(/"calls":(\d+)/g, (_, calls) => `"calls":${Number(calls) / 2}`);
    await route.fulfill({ response: answer, body: text.replace(/"time":"([^"]*)"/g, (_, time) => `"time":"${new Date(Date.parse(time) - 86_400_000).toISOString()}"`) });
  });
}

/** Compare with a day before, in the list and in the charts; zones; the values of a chart as a table. */
async function comparing(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext({ timezoneId: "Asia/Kolkata" });
  await fresh(context);
  const page = await context.newPage();
  watch(page, base);
  await page.goto(base);
  await login(page, admin);
  const hash = await busiest(page);
  await yesterday(page);
  await page.goto(`${base}/servers/1/queries`);
  await page.getByLabel("Compare with").selectOption("day");
  await page.waitForURL(/compare=day/);
  await page.getByRole("columnheader", { name: "Δ calls" }).waitFor();
  await page.locator("td", { hasText: "+ 100 %" }).first().waitFor();
  await page.locator(`a[href*="/queries/${hash}"]`).first().click();
  await page.waitForURL(/queries\/.*compare=day/);
  await page.getByText("a day before (+ 100 %)").first().waitFor();
  await page.getByText("calls, a day before").waitFor();
  await page.screenshot({ path: join(shots, "query-compared.png"), fullPage: true });
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
  await context.close();
}

/** Ten thousand rows: few of them in the document, found by the keyboard, sorted and filtered at once. */
async function longLists(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  await fresh(context);
  const page = await context.newPage();
  watch(page, base);
  await page.route(/\/databases\?limit/, (route) => {
    const table = Array.from({ length: 10_000 }, (_, n) => ({ database_name: "shop", schema_name: "public", table_name: `table_${n}`, n_live_tup: n, n_dead_tup: 0, total_size: n * 8192 }));
    return route.fulfill({ json: { data: { table } } });
  });
  await page.goto(`${base}/servers/1`);
  await login(page, admin);
  await page.getByText("Commits per second").waitFor({ timeout: 60_000 });
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.getByText("10000 rows").waitFor();
  const list = page.locator(".table").first();
  const rows = () => list.locator("tbody tr:not(.space)").count();
  if ((await rows()) >= 60) problems.push(`${await rows()} rows of 10,000 are in the document`);
  await list.getByRole("button", { name: "Size" }).click();
  await list.getByText("public.table_9999").waitFor();
  await list.locator(".scroll").evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await list.getByText("public.table_0", { exact: true }).waitFor();
  if ((await rows()) >= 60) problems.push(`${await rows()} rows are in the document after scrolling`);
  await page.keyboard.press("/");
  await page.keyboard.type("table_777");
  await list.getByText("11 rows").waitFor();
  const took = await page.evaluate(async () => {
    const field = document.querySelector("input[type=search]");
    const start = performance.now();
    field.value = "table_5";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - start;
  });
  if (took > 300) problems.push(`filtering 10,000 rows took ${took} ms`);
  await page.keyboard.press("Escape");
  await page.getByText("10000 rows").waitFor();
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keys" });
  await dialog.getByText("Why slow now").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  console.log(`page: 10,000 rows filtered in ${took.toFixed(0)} ms`);
  await context.close();
}

/** Old figures say how old they are; a store or a quorum that is away is said on every page. */
async function stale(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext();
  await fresh(context);
  const page = await context.newPage();
  watch(page, base, /status of (401|503)/);
  await page.goto(`${base}/cluster`);
  await login(page, admin);
  await page.getByText("all nodes answer").waitFor();
  const refusal = { status: 503, json: { code: 503, message: "Overloaded", error: "Overloaded" } };
  await page.route("**/api/v1/cluster/status", (route) => route.fulfill(refusal));
  await page.getByText(/What is shown is of \d\d:\d\d:\d\d, \d+ s ago/).waitFor({ timeout: 15_000 });
  await page.unroute("**/api/v1/cluster/status");
  await page.getByText("What is shown is of").waitFor({ state: "detached", timeout: 15_000 });
  for (const [told, text] of [[{ database_ok: true, timescale_ok: false }, "The store does not answer"], [{ database_ok: false, timescale_ok: false }, "No quorum, seen"]]) {
    await page.route("**/api/v1/health", (route) => route.fulfill({ status: 503, json: told }));
    await page.locator(".banner", { hasText: text }).waitFor();
    await page.unroute("**/api/v1/health");
  }
  await page.locator(".banner").waitFor({ state: "detached" });
  await context.close();
}

/** Two named windows of time, and what became of the statements between them. */
async function snapshots(browser, { nodes, admin }) {
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
  await page.screenshot({ path: join(shots, "comparison.png"), fullPage: true });
  await context.close();
}

/** What an admin does: configuration with versions, people, tokens, secrets, a mail channel, a window. */
async function administration(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext();
  await fresh(context);
  const page = await context.newPage();
  // A configuration that is none is stored on purpose.
  watch(page, base, /status of 40[01]/);
  await page.goto(`${base}/collectors`);
  await login(page, admin);
  const sure = async (row, name) => {
    await row.getByRole("button", { name }).click();
    await row.getByRole("button", { name }).click();
  };
  await page.getByRole("button", { name: "default" }).click();
  await page.getByRole("button", { name: "Write one" }).click();
  await page.getByLabel("Configuration (TOML)").fill("no TOML");
  await page.getByRole("button", { name: "Store as version 1" }).click();
  await page.locator("form[aria-label^=Edit] .error").waitFor();
  await page.getByLabel("Configuration (TOML)").fill("[collector]\ninterval = 30\n");
  await page.getByLabel("Why").fill("slower");
  await page.getByRole("button", { name: "Store as version 1" }).click();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Configuration (TOML)").fill("[collector]\ninterval = 60\n");
  await page.getByRole("button", { name: "Store as version 2" }).click();
  const versions = page.locator("tbody tr", { hasText: "slower" });
  await versions.getByRole("button", { name: "Against the newest" }).click();
  const diff = page.locator(".diff");
  await diff.getByText("-interval = 30").waitFor();
  await diff.getByText("+interval = 60").waitFor();
  await page.screenshot({ path: join(shots, "configuration.png"), fullPage: true });
  await sure(versions, "Go back to it");
  await page.locator("tbody tr", { hasText: "back to version 1" }).waitFor();

  await page.getByRole("button", { name: "Make a registration secret" }).click();
  await page.getByText("--registration-secret").waitFor();
  const secret = page.locator("tbody tr", { hasText: "0 of 10" });
  await sure(secret, "Revoke");
  await page.locator("tbody tr", { hasText: "revoked" }).waitFor();

  await page.goto(`${base}/people`);
  await page.getByLabel("Name to log in with").fill("erika");
  await page.getByLabel("Mail", { exact: true }).fill("erika@example.org");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("Password of erika:").waitFor();
  const erika = page.locator("tbody tr", { hasText: "erika" });
  await erika.getByLabel("Role of erika").selectOption("viewer");
  await erika.getByRole("button", { name: "Disable" }).click();
  await erika.getByRole("button", { name: "Enable" }).click();
  const told = () => page.locator(".once pre").textContent();
  const first = await told();
  await sure(erika, "New password");
  await page.waitForFunction((first) => document.querySelector(".once pre").textContent !== first, first);
  const password = await told();

  // A viewer is offered nothing that a viewer may not do.
  const other = await browser.newContext();
  await fresh(other);
  const viewer = await other.newPage();
  watch(viewer, base);
  await viewer.goto(`${base}/collectors`);
  await login(viewer, { username: "erika", password });
  await viewer.getByRole("columnheader", { name: "Collector" }).waitFor();
  if (await viewer.getByText("Make a registration secret").count()) problems.push("a viewer is offered a registration secret");
  await viewer.goto(`${base}/account`);
  await viewer.getByLabel("What it is for").fill("a dashboard");
  await viewer.getByRole("button", { name: "Make a token" }).click();
  const token = await viewer.locator(".once pre").textContent();
  const asked = () => viewer.request.get(`${base}/api/v1/servers`, { headers: { Authorization: `Bearer ${token}` } });
  if ((await asked()).status() !== 200) problems.push("a token that the page made is refused");
  await sure(viewer.locator("tbody tr", { hasText: "a dashboard" }), "Revoke");
  await viewer.getByText("No token.").waitFor();
  await other.clearCookies();
  if ((await asked()).status() !== 401) problems.push("a token that was revoked is taken");
  await other.close();
  await sure(erika, "Remove");
  await erika.waitFor({ state: "detached" });

  await page.goto(`${base}/alerts/channels`);
  await page.getByLabel("Name", { exact: true }).fill("night mail");
  await page.getByLabel("Mail server").fill("127.0.0.1");
  await page.getByLabel("Port").fill("9");
  await page.getByLabel("Encryption").selectOption("none");
  await page.getByRole("textbox", { name: "From" }).fill("pga@example.org");
  await page.getByLabel("To, separated by commas").fill("ops@example.org, boss@example.org");
  await page.getByRole("button", { name: "Make it" }).click();
  const channel = page.locator("tbody tr", { hasText: "night mail" });
  await channel.getByRole("button", { name: "Test" }).click();
  await page.getByText("night mail failed after").waitFor();
  await channel.getByRole("button", { name: "Off" }).click();
  await channel.getByRole("button", { name: "On" }).waitFor();
  await sure(channel, "Delete");
  await channel.waitFor({ state: "detached" });

  await page.goto(`${base}/alerts/silences`);
  await page.getByPlaceholder("db1").fill("db9");
  await page.getByLabel("Why").fill("patch night");
  await page.getByLabel("sun").check();
  await page.getByRole("button", { name: "Make it" }).click();
  const window = page.locator("tbody tr", { hasText: "patch night" });
  await window.getByText("sun 02:00 UTC, 60 min").waitFor();
  await sure(window, "End");
  await window.waitFor({ state: "detached" });
  await page.goto(`${base}/alerts/rules`);
  await page.getByText("Write or import rules").click();
  const rule = ['[[rule]]', 'id = "M1"', 'name = "queue_long"', 'severity = "w"', 'from = "queue"', 'value = "num(row.depth)"', 'fire = "value > 1000"', 'resolve = "value < 500"'];
  await page.getByLabel("Rules (TOML)").fill(rule.join("\n"));
  await page.getByRole("button", { name: "Store them" }).click();
  await page.locator("form[aria-label='Rules as TOML'] .error").waitFor();
  await page.getByLabel("Rules (TOML)").fill([...rule, 'summary = "{{ value|round(0) }} jobs wait."'].join("\n"));
  await page.getByRole("button", { name: "Store them" }).click();
  const own = page.locator("tbody tr", { hasText: "queue_long" });
  await sure(own, "Forget");
  await own.waitFor({ state: "detached" });
  await page.goto(`${base}/audit?action=user.create`);
  await page.locator("tbody tr", { hasText: "erika" }).waitFor();
  await context.close();
}

/** Keys, a wrong password, and the node going away below an open page, which goes on and returns. */
async function interactions(browser, { nodes, admin }) {
  const base = nodes[1].http;
  const context = await browser.newContext();
  await fresh(context);
  const page = await context.newPage();
  await page.goto(`${base}/cluster`);
  await page.waitForSelector("form.login");
  await page.fill("input[name=username]", admin.username);
  await page.fill("input[name=password]", "wrong");
  await page.keyboard.press("Enter");
  await page.getByText("Invalid credentials").waitFor();
  await login(page, admin);
  await page.keyboard.press("g");
  await page.keyboard.press("f");
  await page.waitForURL(`${base}/`);
  await page.waitForSelector("input[type=search]");
  await page.keyboard.press("/");
  const focused = await page.evaluate(() => document.activeElement?.getAttribute("type"));
  if (focused !== "search") problems.push(`the key / focuses ${focused}`);
  await page.goto(`${base}/cluster?nodes.sort=-Node&zone=utc`);
  await page.getByText("all nodes answer").waitFor();
  const killed = Date.now();
  process.kill(nodes[1].pid, "SIGKILL");
  // The page goes on by itself, at the same place. The session is the cluster's: the other node
  // knows it by the same cookie (one host, another port).
  await page.waitForURL((url) => url.origin !== base && url.pathname === "/cluster", { timeout: 15_000 });
  await page.getByText("1 of 3 nodes do not answer").waitFor({ timeout: 15_000 });
  const took = Date.now() - killed;
  if (took > 8_000) problems.push(`the page went on after ${took} ms`);
  const args = new URL(page.url()).searchParams;
  if (args.get("nodes.sort") !== "-Node" || args.get("zone") !== "utc") problems.push(`the place was lost: ${page.url()}`);
  await page.getByText(`${base} went away`).waitFor();
  await page.screenshot({ path: join(shots, "node-gone.png") });
  const again = spawn(program, ["serve", "--config", nodes[1].config], { stdio: "ignore" });
  try {
    await page.waitForURL((url) => url.origin === base, { timeout: 40_000 });
    await page.getByText("all nodes answer").waitFor({ timeout: 15_000 });
    if (page.url().includes("home=")) problems.push(`what was left behind stays in the address: ${page.url()}`);
  } finally {
    again.kill("SIGTERM");
    await new Promise((resolve) => again.on("exit", resolve));
  }
  console.log(`page: by another node after ${took} ms`);
  await context.close();
}

const both = async (browser, cluster) => {
  for (const scheme of ["light", "dark"]) await everyPage(browser, cluster, scheme);
};
/** Names of what to try; all if none is given. */
const wanted = process.argv.slice(2);

mkdirSync(shots, { recursive: true });
const dir = mkdtempSync(join(tmpdir(), "pganalytics-page-"));
const cluster = await demo(dir);
const browser = await chromium.launch({
  executablePath: process.env.PGANALYTICS_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"],
});
try {
  for (const [name, run] of Object.entries({ planTree, comparing, longLists, stale, snapshots, administration, everyPage: both, interactions })) {
    if (wanted.length === 0 || wanted.includes(name)) await run(browser, cluster);
  }
} finally {
  await browser.close();
  cluster.child.removeAllListeners("exit");
  cluster.child.kill("SIGINT");
  await new Promise((resolve) => cluster.child.on("exit", resolve));
  rmSync(dir, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`page: no problem found; screenshots in ${shots}`);
