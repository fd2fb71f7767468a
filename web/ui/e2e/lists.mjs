// Long lists, and the search over everything.
import { accessible, ask, busiest, enter, problems, register, shot } from "./harness.mjs";

/** Ten thousand rows: few of them in the document, found by the keyboard, sorted and filtered at once. */
export async function longLists(browser, cluster) {
  const page = await enter(browser, cluster, "/servers/1", { viewport: { width: 1360, height: 900 } });
  await page.route(/\/databases\?limit/, (route) => {
    const table = Array.from({ length: 10_000 }, (_, n) => ({ database_name: "shop", schema_name: "public", table_name: `table_${n}`, n_live_tup: n, n_dead_tup: 0, total_size: n * 8192 }));
    return route.fulfill({ json: { data: { table } } });
  });
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
  await page.keyboard.press("f");
  await page.keyboard.type("table_777");
  await list.getByText("11 of 10000 rows").waitFor();
  const took = await page.evaluate(async () => {
    const field = document.querySelector("main input[type=search]");
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
  await page.context().close();
}

/** More servers, people and changes than an answer of the API holds. */
const MORE = 105;

/** How long a list is. */
const count = async (page, list) => (await ask(page, "GET", `/api/v1/${list}?page_size=1`)).body.total;

/** What is registered and made by the API, many at once. */
async function fill(page, cluster) {
  const numbers = Array.from({ length: MORE }, (_, n) => String(n).padStart(3, "0"));
  for (const n of numbers) await register(cluster, `zz-${n}`);
  for (const n of numbers) {
    const { status } = await ask(page, "POST", "/api/v1/users", { username: `person${n}`, email: `p${n}@example.org`, role: "viewer" });
    if (status !== 201) throw new Error(`a person was answered ${status}`);
  }
}

/** Many alerts of one rule are one card, which opens to each of them. */
export async function storm(browser, cluster) {
  const page = await enter(browser, cluster, "/alerts");
  await page.route(/\/api\/v1\/alerts\?state=open/, async (route) => {
    const told = await (await route.fetch()).json();
    const many = Array.from({ length: 30 }, (_, n) => ({ ...told.data[0], id: 1000 + n, name: "disk_full", rule: "H1", severity: "critical", labels: { rule: "H1", server: `db${n}` } }));
    return route.fulfill({ json: { ...told, data: [...many, ...told.data], total: told.total + many.length } });
  });
  const card = page.getByRole("article", { name: "critical: 30 of disk_full" });
  await card.getByText("db0, db1, db2, db3, db4, db5, db6, db7 and 22 more").waitFor();
  await accessible(page, "a storm of alerts");
  await card.getByRole("button", { name: "Each of them" }).click();
  if ((await card.getByRole("article").count()) !== 30) problems.push(`a storm of 30 opens to ${await card.getByRole("article").count()}`);
  await page.context().close();
}

/** Lists that take several answers: all rows at once, or part by part, and the address says which. */
export async function parts(browser, cluster) {
  const page = await enter(browser, cluster, "/");
  const base = cluster.nodes[0].http;
  await fill(page, cluster);
  const servers = await count(page, "servers");
  await page.getByText(new RegExp(`^${servers} servers, .*${MORE} not heard from yet`)).waitFor({ timeout: 20_000 });
  await page.getByText(`${servers} rows`).waitFor();
  await page.goto(`${base}/collectors?collectors.filter=zz-104`);
  await page.getByText(`1 of ${await count(page, "collectors")} rows`).waitFor();
  await page.goto(`${base}/collectors`);
  await page.getByLabel("Status").selectOption("registered");
  await page.waitForURL(/status=registered/);
  const { body: pending } = await ask(page, "GET", "/api/v1/collectors?status=registered&page_size=1");
  await page.getByText(`${pending.total} rows`).waitFor();
  await page.goto(`${base}/people?people.sort=-Name`);
  await page.getByText(`${await count(page, "users")} rows`).waitFor();
  await page.locator("tbody tr", { hasText: "person104" }).waitFor();
  await page.goto(`${base}/audit?action=user.create`);
  const pager = page.getByRole("navigation", { name: "Parts of the list" });
  const told = await ask(page, "GET", "/api/v1/audit?action=user.create&page=2&page_size=100");
  const { total } = told.body;
  await pager.getByText(`1 to 100 of ${total}`).waitFor();
  await page.getByText(`100 rows of this part; the list has ${total}`).waitFor();
  await pager.getByRole("button", { name: "Next" }).click();
  await page.waitForURL(/audit\.page=2/);
  await pager.getByText(`101 to ${total} of ${total}`).waitFor();
  const shown = await page.locator("tbody tr td:nth-child(5)").allTextContents();
  if (shown.join() !== told.body.data.map((one) => one.target).join()) problems.push(`the second part of the audit log shows ${shown}`);
  await page.goto(`${base}/audit?action=user.create&audit.page=9`);
  await pager.getByText(`The list ends before: it has ${total}.`).waitFor();
  await pager.getByRole("button", { name: "First" }).click();
  await pager.getByText(`1 to 100 of ${total}`).waitFor();
  await page.context().close();
}

/** The search: by the keyboard alone, over every kind, and it says what it did not look through. */
export async function searching(browser, cluster) {
  const page = await enter(browser, cluster, "/servers/1");
  const hash = await busiest(page);
  await page.getByText("Commits per second").waitFor();
  const search = async (text) => {
    await page.keyboard.press("/");
    await page.keyboard.type(text);
  };
  const group = (name) => page.getByRole("group", { name });
  const done = (text) => page.locator(".found [role=status]", { hasText: text }).waitFor();
  await search("order_line");
  await group("Statements").getByRole("option").nth(1).waitFor();
  await done("finds");
  await accessible(page, "search");
  await page.screenshot({ path: shot("search") });
  await page.keyboard.press("ArrowDown");
  const chosen = await page.locator("[role=option][aria-selected=true]").getAttribute("href");
  if (chosen !== (await group("Statements").getByRole("option").nth(1).getAttribute("href"))) problems.push(`an arrow down chose ${chosen}`);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname === chosen);
  await page.getByText("Mean time of a call").waitFor();
  // A query id, as a log or pg_stat_activity tells it.
  await search(hash);
  await group("Statements").getByRole("option").first().waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/servers/1/queries/${hash}`);
  for (const [text, kind, path] of [["why slow", "Pages", "/servers/1/why"], ["audit", "Pages", "/audit"], ["watchdog", "Alerts", "/alerts"]]) {
    await search(text);
    await group(kind).getByRole("option").first().click();
    await page.waitForURL((url) => url.pathname === path);
  }
  await page.getByRole("article").getByText("watchdog", { exact: false }).first().waitFor();
  await search("zz-01");
  await group("Servers").getByText("6 of 10").waitFor();
  await group("Collectors").getByRole("option", { name: "zz-010" }).waitFor();
  await page.getByText(`on 20 of ${await count(page, "servers")} servers`).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".found").waitFor({ state: "hidden" });
  if (await page.evaluate(() => document.activeElement?.matches("header input"))) problems.push("Escape leaves the focus in the search");
  await search("qqqq nothing");
  await done('Nothing has "qqqq nothing" in it.');
  await page.context().close();
}
