// The page in a real browser, against three nodes of the demo: every page in both themes, with a
// check of accessibility, no message on the console, and no request to another origin.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { administration, forgetting, jobs, password } from "./administration.mjs";
import { leaving, taking } from "./alerts.mjs";
import { findings } from "./findings.mjs";
import { accessible, busiest, demo, enter, fresh, login, problems, program, shot, watch } from "./harness.mjs";
import { longLists, parts, searching, storm } from "./lists.mjs";
import { drilling, firstLoad, firstServer } from "./load.mjs";
import { comparing, keyboard, planTree, seen, snapshots } from "./statements.mjs";
import { storeAway } from "./store.mjs";

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
    tables: ["/servers/1/tables", "What they did"],
    replication: ["/servers/1/replication", "Standbys"],
    alerts: ["/alerts", "Over"],
    rules: ["/alerts/rules", "lock_blocking"],
    channels: ["/alerts/channels", "New channel"],
    findings: ["/findings", "What is worth most first"],
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
    await page.screenshot({ path: shot(`${name}-${scheme}`), fullPage: true });
    await accessible(page, `${name}, ${scheme}`);
  }
  if (scheme === "dark") await narrow(page, base, pages);
  await context.close();
}

/** Every page as a telephone shows it. */
async function narrow(page, base, pages) {
  await page.setViewportSize({ width: 320, height: 700 });
  for (const [name, [path, text]] of Object.entries(pages)) {
    await page.goto(base + path);
    await page.getByText(text).first().waitFor();
    await page.waitForTimeout(300);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 320) problems.push(`${path} scrolls sideways at 320 px: ${width}`);
    await page.screenshot({ path: shot(`${name}-320`), fullPage: true });
    await accessible(page, `${name}, 320 px`);
  }
}

/** The page says how old its answers are; it asks for nothing while its tab is hidden or it is paused. */
async function polling(browser, cluster) {
  const page = await enter(browser, cluster, "/cluster");
  const footer = page.locator("footer");
  await footer.getByText(/Asked anew every 3 to 15 s, while somebody looks\. (Newest answer|Answered) \d+ s ago/).waitFor();
  let asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  // Twice as long as the page's shortest pause: nothing but waiting shows that nothing is asked for.
  const during = async () => {
    asked = [];
    await page.waitForTimeout(6_500);
    return asked;
  };
  const hide = (isHidden) =>
    page.evaluate((isHidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
  await hide(true);
  if ((await during()).length > 0) problems.push(`a hidden tab asks for ${asked}`);
  const soon = page.waitForRequest("**/api/v1/jobs", { timeout: 1_000 });
  await hide(false);
  await soon;
  await footer.getByRole("button", { name: "Pause" }).click();
  const told = (await during()).filter((path) => path !== "/api/v1/health");
  // The addresses of the nodes are asked for every 30 s, whatever is shown.
  if (told.length > 1) problems.push(`a page that is paused asks for ${told}`);
  await footer.getByText(/Paused\. .* \d+ s ago/).waitFor();
  const again = page.waitForRequest("**/api/v1/jobs");
  await footer.getByRole("button", { name: "Go on" }).click();
  await again;
  await page.context().close();
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
  await page.screenshot({ path: shot("node-gone") });
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

const dir = mkdtempSync(join(tmpdir(), "pganalytics-page-"));
const cluster = await demo(dir);
const browser = await chromium.launch({
  executablePath: process.env.PGANALYTICS_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"],
});
try {
  for (const [name, run] of Object.entries({ firstLoad, firstServer, drilling, findings, planTree, keyboard, comparing, seen, longLists, stale, polling, snapshots, administration, password, forgetting, jobs, taking, leaving, everyPage: both, parts, searching, storm, storeAway, interactions })) {
    if (wanted.length === 0 || wanted.includes(name)) await run(browser, cluster);
  }
} finally {
  await browser.close();
  cluster.child.removeAllListeners("exit");
  cluster.child.kill("SIGINT");
  // What has ended already does not end again, and would hide why.
  if (cluster.child.exitCode === null && cluster.child.signalCode === null) await new Promise((resolve) => cluster.child.on("exit", resolve));
  rmSync(dir, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`page: no problem found; screenshots in target/ui`);
