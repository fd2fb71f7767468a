// A real TimescaleDB goes away below an open page, and comes back.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, demo, enter, problems, root, shot } from "./harness.mjs";

const script = join(root, "chaos-tests/timescaledb.sh");
const NAME = "page";

/** The page says since when, what waits grows and is stored later, and what collectors send goes on being taken. */
export async function storeAway(browser) {
  if (process.getuid() !== 0 || !existsSync(join(root, "target/timescaledb"))) {
    console.error("page: WITHOUT a real TimescaleDB, which takes root and chaos-tests/timescaledb.sh prepare");
    return;
  }
  const run = (...args) => execFileSync(script, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  const dir = mkdtempSync(join(tmpdir(), "pganalytics-store-"));
  const url = run("start", NAME).split("\n").at(-1);
  let cluster;
  try {
    cluster = await demo(dir, ["--timescale", url]);
    const page = await enter(browser, cluster, "/", {}, /status of (401|50[03])/);
    await page.getByText("why slow").first().waitFor({ timeout: 60_000 });
    run("stop", NAME, "immediate");
    const gone = Date.now();
    await page.locator(".banner", { hasText: /The store does not answer, seen/ }).waitFor({ timeout: 30_000 });
    console.log(`page: the store's absence is told after ${Date.now() - gone} ms`);
    const pushes = async () => (await ask(page, "GET", "/api/v1/collectors")).body.data.reduce((sum, one) => sum + one.pushes, 0);
    const before = await pushes();
    await page.goto(`${cluster.nodes[0].http}/cluster`);
    await page.getByText("all nodes answer").waitFor();
    await page.waitForTimeout(12_000);
    if ((await pushes()) <= before) problems.push("no push was taken while the store was away");
    const { body: waiting } = await ask(page, "GET", "/api/v1/cluster/status");
    if (!JSON.stringify(waiting).match(/"backlog_bytes":[1-9]/)) problems.push(`nothing waits for the store: ${JSON.stringify(waiting).slice(0, 400)}`);
    await page.screenshot({ path: shot("store-away"), fullPage: true });
    run("start", NAME);
    await page.locator(".banner").waitFor({ state: "detached", timeout: 60_000 });
    await page.waitForFunction(async () => JSON.stringify(await (await fetch("/api/v1/cluster/status")).json()).includes('"backlog_bytes":0'), undefined, { timeout: 60_000 });
    await page.context().close();
  } finally {
    cluster?.child.removeAllListeners("exit");
    cluster?.child.kill("SIGINT");
    if (cluster) await new Promise((resolve) => cluster.child.on("exit", resolve));
    run("drop", NAME);
    rmSync(dir, { recursive: true, force: true });
  }
}
