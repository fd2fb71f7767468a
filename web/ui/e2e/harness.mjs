// What all scenarios of the page need: three nodes of the demo, a browser that is watched, a login.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const program = process.env.PGANALYTICS_TEST_PROGRAM ?? join(root, "target/debug/pganalytics");
const shots = join(root, "target/ui");
const axe = readFileSync(join(root, "web/ui/node_modules/axe-core/axe.min.js"), "utf8");
/** What was found wrong, in words. */
export const problems = [];

mkdirSync(shots, { recursive: true });
/** Where a screenshot is written to. */
export const shot = (name) => join(shots, `${name}.png`);

/** Below the ports that the system gives to connections, where another program's may be in the way. */
const anyPort = () => 20_000 + Math.floor(Math.random() * 12_000);

/** Three nodes with a simulated collector, and how they are reached; with other ports if some are taken. */
export async function demo(dir, more = []) {
  const fixed = Number(process.env.PGANALYTICS_TEST_PORT);
  for (let tries = 1; ; tries++) {
    try {
      return await start(join(dir, String(tries)), fixed || anyPort(), more);
    } catch (error) {
      if (fixed || tries === 3) throw error;
      console.error(`${error.message}, it is tried again`);
    }
  }
}

async function start(dir, port, more) {
  const args = ["demo", "--json", "--dir", dir, "--http-base-port", String(port), "--quic-base-port", String(port + 10), ...more];
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
export async function fresh(context) {
  if (!process.env.PGANALYTICS_TEST_DIST) return;
  for (const [name, type] of [["app.js", "text/javascript"], ["app.css", "text/css"]]) {
    await context.route(`**/ui/*/${name}`, (route) => route.fulfill({ path: join(root, "web/ui/dist", name), contentType: type }));
  }
}

/** A statement without a plan has no history of plans, and the page says so: the contract's answer is 404. */
const NO_PLAN = /\/explain\/history(\?\S*)? .*status of 404/;

/** A browser writes each refused answer on the console; `refusals` are those that are asked for. */
export function watch(page, base, refusals = /status of 401/) {
  page.on("console", (message) => {
    const said = `${message.location().url} ${message.text()}`;
    if (message.type() === "error" && !refusals.test(message.text()) && !NO_PLAN.test(said)) problems.push(`console: ${said}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:")) problems.push(`request to another origin: ${url}`);
  });
}

export async function login(page, admin) {
  await page.waitForSelector("form.login");
  await page.fill("input[name=username]", admin.username);
  await page.fill("input[name=password]", admin.password);
  await page.keyboard.press("Enter");
  await page.waitForSelector("form.login", { state: "detached" });
}

/** The busiest statement of the first collector, once two samples have told of one. */
export async function busiest(page) {
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

/** Nothing that axe finds wrong. */
export async function accessible(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run();
    return violations.map((one) => `${one.id} (${one.impact}): ${one.nodes[0].target.join(" ")}`);
  });
  for (const one of found) problems.push(`${name}: ${one}`);
}

/** A page at a place of the first node, where the admin is logged in. */
export async function enter(browser, { nodes, admin }, path, options = {}, refusals = undefined) {
  const base = nodes[0].http;
  const context = await browser.newContext(options);
  await fresh(context);
  const page = await context.newPage();
  watch(page, base, refusals);
  await page.goto(base + path);
  await login(page, admin);
  return page;
}

/** Asks the API as the person who is logged in. */
export function ask(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const token = document.cookie.match(/csrf_token=([^;]*)/)[1];
      const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
      const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
      return { status: answer.status, body: await answer.json().catch(() => null) };
    },
    [method, path, body],
  );
}

/** Registers a collector as its program does: its id and token. */
export async function register({ nodes, registration_secret }, name) {
  const headers = { "Content-Type": "application/json", "X-Registration-Secret": registration_secret };
  const body = JSON.stringify({ name, hostname: `${name}.example.org` });
  const answer = await fetch(`${nodes[0].http}/api/v1/collectors/register`, { method: "POST", headers, body });
  if (!answer.ok) throw new Error(`a collector was refused: ${answer.status}`);
  return answer.json();
}
