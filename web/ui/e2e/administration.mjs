// What an admin does.
import { ask, enter, fresh, login, problems, register, shot, watch } from "./harness.mjs";

/** What an admin does: configuration with versions, people, tokens, secrets, a mail channel, a window. */
export async function administration(browser, { nodes, admin }) {
  const base = nodes[0].http;
  const context = await browser.newContext();
  await fresh(context);
  const page = await context.newPage();
  // A configuration that is none, and the end of a channel in use, are asked for on purpose.
  watch(page, base, /status of 40[019]/);
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
  await page.screenshot({ path: shot("configuration"), fullPage: true });
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
  // Nothing else is there for who has a password that an admin made.
  await viewer.getByText("Choose one of your own to go on.").waitFor();
  await viewer.screenshot({ path: shot("first-password"), fullPage: true });
  if (await viewer.getByRole("columnheader", { name: "Collector" }).count()) problems.push("a temporary password opens the page");
  await viewer.getByLabel("Current password").fill(password);
  await viewer.getByLabel("New password").fill("a password of her own");
  await viewer.getByRole("button", { name: "Change it" }).click();
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
  await channel.getByRole("button", { name: "On" }).click();
  await channel.getByRole("button", { name: "Off" }).waitFor();
  const routes = page.getByRole("form", { name: "New route" });
  for (const [name, value] of [["all of db", "db-*"], ["first of db", "db-1"]]) {
    await routes.getByLabel("Name").fill(name);
    await routes.getByLabel("Alerts whose").fill("server");
    await routes.getByLabel("Compared by").selectOption("~");
    await routes.getByLabel("Value").fill(value);
    await routes.getByLabel("go to").selectOption("night mail");
    await routes.getByRole("button", { name: "Add it" }).click();
    await page.locator("tbody tr", { hasText: `server ~ ${value}` }).waitFor();
  }
  const later = page.locator("tbody tr", { hasText: "first of db" });
  await later.getByRole("button", { name: "Earlier" }).click();
  await later.getByRole("button", { name: "Earlier" }).waitFor({ state: "detached" });
  const { body: sent } = await ask(page, "POST", "/api/v1/alert-routes/test", { labels: { server: "db-1" } });
  if (sent.destinations[0].route !== "first of db") problems.push(`the order of routes is not kept: ${JSON.stringify(sent)}`);
  await page.screenshot({ path: shot("routes"), fullPage: true });
  await sure(channel.first(), "Delete");
  await page.getByText("routes send alerts to it").waitFor();
  for (const name of ["first of db", "all of db"]) {
    const row = page.locator("tbody tr", { hasText: name });
    await sure(row, "Delete");
    await row.waitFor({ state: "detached" });
  }
  await page.getByText("A route sends some to one channel only").waitFor();
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

/** A person changes the password: a wrong one is refused, and other sessions end. */
export async function password(browser, cluster) {
  const base = cluster.nodes[0].http;
  const page = await enter(browser, cluster, "/people");
  const first = "the first passphrase 5";
  const { body: made } = await ask(page, "POST", "/api/v1/users", { username: "otto", email: "otto@example.org", role: "user", password: first });
  const otto = (password) => ({ nodes: cluster.nodes, admin: { username: "otto", password } });
  const other = await enter(browser, otto(first), "/cluster");
  await other.getByText("all nodes answer").waitFor();
  const own = await enter(browser, otto(first), "/account", {}, /status of (400|401|403)/);
  const change = async (current, next) => {
    await own.getByLabel("Current password").fill(current);
    await own.getByLabel("New password").fill(next);
    await own.getByRole("button", { name: "Change it" }).click();
  };
  const form = own.getByRole("form", { name: "Password" });
  await change("not this one", "a good long passphrase 7");
  await form.getByRole("alert").waitFor();
  await change(first, "a good long passphrase 7");
  await form.getByText("Changed. All other sessions have ended.").waitFor();
  if (await form.getByRole("alert").count()) problems.push("a fault stays after the password was changed");
  // This session goes on, the other one has ended.
  await own.goto(`${base}/cluster`);
  await own.getByText("all nodes answer").waitFor();
  await other.locator("form.login").waitFor({ timeout: 15_000 });
  await other.fill("input[name=username]", "otto");
  await other.fill("input[name=password]", first);
  await other.keyboard.press("Enter");
  await other.getByText("Invalid credentials").waitFor();
  await login(other, otto("a good long passphrase 7").admin);
  await other.getByText("all nodes answer").waitFor();
  await ask(page, "DELETE", `/api/v1/users/${made.id}`);
  for (const one of [page, own, other]) await one.context().close();
}

/** Forgetting a collector: asked for once more, and then its token is good for nothing. */
export async function forgetting(browser, cluster) {
  const base = cluster.nodes[0].http;
  const { collector_id, token } = await register(cluster, "zz-forgotten");
  // The demo takes pushes without a token, so that a new token is asked for.
  const renew = async () => (await fetch(`${base}/api/v1/collectors/refresh-token`, { method: "POST", headers: { Authorization: `Bearer ${token}` } })).status;
  if ((await renew()) !== 200) problems.push(`a collector that was registered gets no new token: ${await renew()}`);
  const page = await enter(browser, cluster, `/collectors/${collector_id}`);
  const forget = page.getByRole("button", { name: "Forget this collector" });
  await forget.click();
  const question = page.getByRole("group", { name: /Forget it\?/ });
  await question.getByRole("button", { name: "No" }).click();
  await question.waitFor({ state: "detached" });
  if ((await renew()) !== 200) problems.push("a collector is forgotten though somebody said no");
  await forget.click();
  await question.getByRole("button", { name: "Forget this collector" }).click();
  await page.waitForURL(`${base}/collectors`);
  await page.getByRole("columnheader", { name: "Collector" }).waitFor();
  const row = page.locator("tbody tr", { hasText: "zz-forgotten" });
  await row.first().waitFor({ state: "detached" });
  if ((await renew()) !== 401) problems.push(`the token of a forgotten collector was answered ${await renew()}`);
  await page.goto(`${base}/audit?target=${collector_id}`);
  await page.locator("tbody tr", { hasText: "collector.delete" }).waitFor();
  await page.context().close();
}

/** A job of the leader is run at once, and the list tells it. */
export async function jobs(browser, cluster) {
  const page = await enter(browser, cluster, "/cluster");
  const row = page.locator("tbody tr", { hasText: "patterns" });
  const before = await ask(page, "GET", "/api/v1/jobs");
  await row.getByRole("button", { name: "Run now" }).click();
  await page.getByText(/patterns.* is done\./).waitFor({ timeout: 20_000 });
  await row.getByText(/\b\d s ago/).waitFor();
  const after = await ask(page, "GET", "/api/v1/jobs");
  const run = ({ body }) => body.jobs.find((one) => one.name.includes("patterns")).last_run;
  if (run(before) === run(after)) problems.push("a job that was run at once has the last run of before");
  await page.context().close();
}
