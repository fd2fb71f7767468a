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

function watch(page, base) {
  page.on("console", (message) => {
    // A browser writes each refused login there; the page handles it.
    if (message.type() === "error" && !message.text().includes("401")) problems.push(`console: ${message.text()}`);
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
    return answer.status;
  }, [hash, { Plan: sort, "Execution Time": 100 }]);
  if (status !== 201) problems.push(`a plan was answered ${status}`);
}

/** The tree of a statement's plan: shares, what is off, findings at their node, the text to copy. */
async function planTree(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
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
    advice: ["/servers/1/advice", "Judge now"],
    unusual: ["/servers/1/unusual", "What is not usual"],
    logs: ["/servers/1/logs", "Class"],
    tables: ["/servers/1/tables", "Dead rows"],
    replication: ["/servers/1/replication", "Standbys"],
    alerts: ["/alerts", "Over"],
    rules: ["/alerts/rules", "lock_blocking"],
    channels: ["/alerts/channels", "New channel"],
    cluster: ["/cluster", "all nodes answer"],
    collectors: ["/collectors", "Make a registration secret"],
    people: ["/people", "admin@"],
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

/** Keys, a wrong password, an ended session, and the node going away below an open page. */
async function interactions(browser, { nodes, admin }) {
  const base = nodes[1].http;
  const context = await browser.newContext();
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
  await page.goto(`${base}/cluster`);
  await page.getByText("all nodes answer").waitFor();
  process.kill(nodes[1].pid, "SIGKILL");
  await page.getByText("This node does not answer.").first().waitFor({ timeout: 10_000 });
  const other = page.locator(".banner a").first();
  const href = await other.getAttribute("href");
  if (!href?.endsWith("/cluster")) problems.push(`the banner leads to ${href}`);
  await page.screenshot({ path: join(shots, "node-gone.png") });
  // The session is the cluster's: the other node knows it by the same cookie (one host, another port).
  await other.click();
  await page.getByText("1 of 3 nodes do not answer").waitFor({ timeout: 15_000 });
  await context.close();
}

mkdirSync(shots, { recursive: true });
const dir = mkdtempSync(join(tmpdir(), "pganalytics-page-"));
const cluster = await demo(dir);
const browser = await chromium.launch({
  executablePath: process.env.PGANALYTICS_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"],
});
try {
  await planTree(browser, cluster);
  for (const scheme of ["light", "dark"]) await everyPage(browser, cluster, scheme);
  await interactions(browser, cluster);
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
