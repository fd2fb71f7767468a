// Alerts: one address each, who takes care of one, and what is said of it.
import { accessible, ask, enter, problems } from "./harness.mjs";

/** Two people take an alert at the same moment: the later one has it, and both see who and when. */
export async function taking(browser, cluster) {
  const page = await enter(browser, cluster, "/alerts", {}, /status of (401|409)/);
  // A rule of our own, that is true at once and whatever the demo does.
  const rule = ['[[rule]]', 'id = "E1"', 'name = "always_so"', 'severity = "c"', 'from = "cluster_flush"', 'value = "1"', 'fire = "value > 0"', 'resolve = "value < 0"', 'summary = "It is as it always is."'];
  const stored = await page.evaluate(async (text) => {
    const token = document.cookie.match(/csrf_token=([^;]*)/)[1];
    return (await fetch("/api/v1/alert-rules.toml", { method: "PUT", body: text, headers: { "Content-Type": "text/plain", "X-CSRF-Token": token } })).status;
  }, rule.join("\n"));
  if (stored !== 200) throw new Error(`a rule was answered ${stored}`);
  await page.getByRole("article", { name: "critical: always_so" }).first().waitFor({ timeout: 60_000 });
  // How many there are stands on every page.
  await page.goto(`${cluster.nodes[0].http}/audit`);
  await page.getByRole("navigation", { name: "Pages" }).getByText(/\d critical/).waitFor();
  const password = "the passphrase of nora 5";
  const { body: made } = await ask(page, "POST", "/api/v1/users", { username: "nora", email: "nora@example.org", role: "user", password });
  const { body: open } = await ask(page, "GET", "/api/v1/alerts?state=open&rule=E1");
  const path = `/alerts?alert=${open.data[0].id}`;
  const nora = await enter(browser, { nodes: cluster.nodes, admin: { username: "nora", password } }, path, {}, /status of (401|409)/);
  await page.goto(cluster.nodes[0].http + path);
  const both = [page, nora];
  // Who is the later by a poll of its page finds no button any more, but who takes care of it.
  const clicks = await Promise.allSettled(both.map((one) => one.getByRole("button", { name: "I take care of it" }).click({ timeout: 5_000 })));
  if (clicks.every((click) => click.status === "rejected")) throw clicks[0].reason;
  await Promise.all(both.map((one) => one.getByText(/^(admin|nora) takes care of it, \d+ s ago/).waitFor()));
  const { body: taken } = await ask(page, "GET", `/api/v1/alerts/${open.data[0].id}`);
  await Promise.all(both.map((one) => one.getByText(`${taken.acknowledged_by} takes care of it`).waitFor({ timeout: 15_000 })));
  await nora.getByLabel("Note").fill("the disk is replaced");
  await nora.getByRole("button", { name: "Comment" }).click();
  await page.getByText("the disk is replaced").waitFor({ timeout: 15_000 });
  await accessible(page, "an alert");
  await page.getByRole("link", { name: "All alerts" }).click();
  await page.getByLabel("Severity").selectOption("warning");
  await page.waitForURL(/severity=warning/);
  await page.getByText("It is as it always is.").waitFor({ state: "detached" });
  await ask(page, "DELETE", "/api/v1/alert-rules/E1");
  await ask(page, "DELETE", `/api/v1/users/${made.id}`);
  for (const one of both) await one.context().close();
}

/** Logging out ends the session; the next person comes to the same place. */
export async function leaving(browser, cluster) {
  const path = "/cluster?nodes.sort=-Node&zone=utc";
  const page = await enter(browser, cluster, path, { permissions: ["clipboard-read", "clipboard-write"] });
  await page.getByText("all nodes answer").waitFor();
  await page.getByRole("button", { name: "Copy as curl" }).click();
  const lines = (await page.evaluate(() => navigator.clipboard.readText())).split("\n");
  const want = `curl -H "Authorization: Bearer $TOKEN" '${cluster.nodes[0].http}/api/v1/cluster/status'`;
  if (!lines.includes(want)) problems.push(`what is copied as curl has no ${want}: ${lines}`);
  const cookies = await page.context().cookies();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.locator("form.login").waitFor();
  if (await page.getByText("all nodes answer").count()) problems.push("who logged out still sees the nodes");
  await page.context().addCookies(cookies);
  if ((await page.request.get(`${cluster.nodes[0].http}/api/v1/auth/me`)).status() !== 401) problems.push("a session that was left is taken");
  await page.context().clearCookies();
  await page.fill("input[name=username]", cluster.admin.username);
  await page.fill("input[name=password]", cluster.admin.password);
  await page.keyboard.press("Enter");
  await page.getByText("all nodes answer").waitFor();
  if (!page.url().endsWith(path)) problems.push(`after a login the place is ${page.url()}`);
  await page.context().close();
}
