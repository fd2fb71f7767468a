// From the first look to the cause: the load over time, the part of it that is chosen, the chain of locks; and the first server.
import { accessible, ask, enter, problems, register, shot } from "./harness.mjs";

const MINUTE = 60_000;

const session = (state, wait, sessions) => ({
  backend_type: "client backend", state, wait_event_type: wait, wait_event: wait && "transactionid", user: "app", database: "shop", application: "shop-web", sessions,
  oldest_transaction_seconds: 9, oldest_query_seconds: 9, query_id: 920_000_001, parallel_workers: 0,
});

const pair = (blocked_pid, blocking_pid) => ({
  blocked_pid, blocking_pid, database: "shop", relation: "public.stock", lock_type: "relation", mode_wanted: "ShareLock", mode_held: "ExclusiveLock", wait_seconds: 7.5,
  blocked_user: "app", blocked_application: "shop-web", blocked_query: "UPDATE stock SET on_hand = $1", blocked_query_id: 920_000_001,
  blocking_user: "batch", blocking_application: "nightly", blocking_state: "idle in transaction", blocking_query: "DELETE FROM stock", blocking_query_id: -8_248_791_797_866_830_417n, blocking_transaction_seconds: 95,
});

/** Query ids have more digits than a number of JavaScript. */
const text = (body) => JSON.stringify(body, (_, value) => (typeof value === "bigint" ? `#${value}#` : value)).replace(/"#(-?\d+)#"/g, "$1");

/** A server with one session that works, and twenty minutes ago five that waited behind one for three minutes; its number. */
async function withLocks(page, cluster, name, lockedUntil) {
  const { collector_id, token } = await register(cluster, name);
  const now = Date.now();
  const metrics = [];
  for (let at = now - 50 * MINUTE; at <= now; at += 10_000) {
    const isLocked = at > lockedUntil - 3 * MINUTE && at <= lockedUntil;
    const rows = [session("active", null, 1), ...(isLocked ? [session("active", "Lock", 5)] : [])];
    metrics.push({ type: "pg_activity_sample", timestamp: new Date(at).toISOString(), rows, total: rows.length, truncated: false });
    const pairs = [pair(11, 10), pair(12, 11), pair(13, 12), pair(13, 11)];
    if (isLocked) metrics.push({ type: "pg_blocking", timestamp: new Date(at).toISOString(), rows: pairs, total: pairs.length, truncated: false });
  }
  const body = text({ collector_id, hostname: `${name}.example.org`, timestamp: new Date(now).toISOString(), version: "3.0.0", metrics });
  const answer = await fetch(`${cluster.nodes[0].http}/api/v1/metrics/push`, { method: "POST", body, headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`activity was answered ${answer.status}: ${await answer.text()}`);
  const told = await page.evaluate(async (id) => (await fetch(`/api/v1/collectors/${id}`)).json(), collector_id);
  return told.server_id;
}

/** The load of an hour, a part of it that is dragged over, what is said of that part, and its chain of locks at that time. */
export async function drilling(browser, cluster) {
  const page = await enter(browser, cluster, "/", { permissions: ["clipboard-read", "clipboard-write"], viewport: { width: 1360, height: 900 } });
  const base = cluster.nodes[0].http;
  const lockedUntil = Date.now() - 20 * MINUTE;
  const server = await withLocks(page, cluster, "zz-locked", lockedUntil);
  await page.goto(`${base}/servers/${server}/why`);
  const chart = page.getByRole("img", { name: "Active sessions by what they wait for" });
  await chart.waitFor({ timeout: 20_000 });
  const area = await chart.locator(".u-over").boundingBox();
  // The axis ends with the next whole step of 15 s.
  const end = Math.ceil(Date.now() / 15_000) * 15_000;
  const x = (at) => area.x + area.width * (1 - (end - at) / 3_600_000);
  await page.mouse.move(x(lockedUntil - 4 * MINUTE), area.y + 40);
  await page.mouse.down();
  await page.mouse.move(x(lockedUntil + MINUTE / 2), area.y + 40, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  await page.getByText(/^up to \d\d:\d\d:\d\d$/).waitFor();
  await page.getByText(/sessions wait for a lock on public.stock/).waitFor();
  await page.screenshot({ path: shot("why-then"), fullPage: true });
  const window = new URL(page.url()).searchParams.get("to");
  await page.getByRole("link", { name: "Look at the chain" }).click();
  await page.waitForURL(/activity\?.*to=/);
  if (new URL(page.url()).searchParams.get("to") !== window) problems.push(`the chain is of another time: ${page.url()}`);
  const chain = page.getByRole("region", { name: "Who waits for whom" });
  await chain.getByText("3 wait behind one session").waitFor();
  const rows = await chain.locator("tbody tr td:first-child").allTextContents();
  const want = [/^10 batch \(nightly\) 3 behind it$/, /^└─ 11 app \(shop-web\) 2 behind it$/, /^ {3}└─ 12 app/, /^ {6}└─ 13 app \(shop-web\)also behind 11$/];
  if (rows.length !== 4 || !want.every((one, at) => one.test(rows[at]))) problems.push(`the chain is ${JSON.stringify(rows)}`);
  if (await chain.getByRole("button", { name: "Copy terminate" }).count()) problems.push("what is over can be ended");
  await chain.getByRole("button", { name: "Copy CSV" }).click();
  const copied = (await page.evaluate(() => navigator.clipboard.readText())).split("\r\n");
  if (copied[1] !== "10,0,batch,nightly,shop,,,95,idle in transaction,DELETE FROM stock") problems.push(`the chain is copied as ${copied[1]}`);
  await chain.getByRole("link", { name: "DELETE FROM stock" }).click();
  await page.waitForURL(/queries\/-8248791797866830417\?.*to=/);
  await page.context().close();
  await freeing(browser, cluster);
}

/** While somebody waits, the statement that frees them is there to be copied. */
async function freeing(browser, cluster) {
  const page = await enter(browser, cluster, "/", { permissions: ["clipboard-read", "clipboard-write"] });
  const server = await withLocks(page, cluster, "zz-waiting", Date.now());
  await page.goto(`${cluster.nodes[0].http}/servers/${server}/activity`);
  await page.getByText("Waiting for locks now").waitFor({ timeout: 20_000 });
  await page.getByRole("button", { name: "Copy terminate" }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  if (copied !== "SELECT pg_terminate_backend(10);") problems.push(`what frees the waiting is copied as ${copied}`);
  await accessible(page, "a chain of locks");
  await page.screenshot({ path: shot("locks"), fullPage: true });
  await page.context().close();
}

/** Without a server the page makes the command that connects the first one, with its secret. */
export async function firstServer(browser, cluster) {
  const page = await enter(browser, cluster, "/account");
  await page.route(/\/api\/v1\/servers\?/, (route) => route.fulfill({ json: { data: [], total: 0, page: 1, page_size: 100, total_pages: 0 } }));
  await page.goto(cluster.nodes[0].http);
  const form = page.getByRole("form", { name: "Connect the first server" });
  await form.getByLabel("Name").fill("first");
  await form.getByRole("button", { name: "Make a registration secret" }).click();
  const command = await form.locator(".once pre").textContent();
  const secret = command.match(/--registration-secret (\S+)/)?.[1];
  const answer = await fetch(`${cluster.nodes[0].http}/api/v1/collectors/register`, {
    method: "POST", headers: { "Content-Type": "application/json", "X-Registration-Secret": secret }, body: JSON.stringify({ name: "zz-first", hostname: "zz-first.example.org" }),
  });
  if (!answer.ok) problems.push(`the secret of the first command was answered ${answer.status}`);
  await accessible(page, "no server yet");
  await page.screenshot({ path: shot("first-server"), fullPage: true });
  await page.unroute(/\/api\/v1\/servers\?/);
  await page.getByRole("link", { name: "zz-first" }).waitFor({ timeout: 15_000 });
  await ask(page, "DELETE", `/api/v1/collectors/${(await answer.json()).collector_id}`);
  await page.context().close();
}

/** Script of the first load, packed, in bytes; and its first paint on a machine of a quarter of the speed, in ms. */
const [SCRIPT, PAINT] = [80 * 1024, 1_000];

/** The first load is small and fast: the least of three, as other programs run beside it. */
export async function firstLoad(browser, { nodes }) {
  const paints = [];
  let script = 0;
  for (let tries = 0; tries < 3; tries++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const client = await context.newCDPSession(page);
    await client.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    await page.goto(nodes[0].http);
    await page.waitForSelector("form.login");
    const told = await page.evaluate(() => ({
      paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
      script: performance.getEntriesByType("resource").filter((one) => one.initiatorType === "script").reduce((sum, one) => sum + one.encodedBodySize, 0),
    }));
    paints.push(told.paint ?? Infinity);
    script = told.script;
    await context.close();
  }
  const paint = Math.min(...paints);
  if (!(script > 0 && script <= SCRIPT)) problems.push(`the first load has ${script} bytes of script, not up to ${SCRIPT}`);
  if (paint > PAINT) problems.push(`the first paint comes after ${paints.map(Math.round)} ms`);
  console.log(`page: ${(script / 1024).toFixed(1)} KB of script, first paint after ${paint.toFixed(0)} ms at a quarter of the speed`);
}
