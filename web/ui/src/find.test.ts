import { expect, test } from "vitest";
import { readPart } from "./data";
import { around, has, pagesOf, shownOf } from "./find";
import { firstSeen } from "./seen";
import { leadsTo, OF_SERVER, PLACES } from "./places";

test("every word has to be there, whatever the case and in whichever part", () => {
  for (const [text, want] of [["DB1 lock", true], ["lock db2", false], ["", true], ["shop  DB1", true]] as const) {
    expect(has(text, ["db1", undefined, "Lock blocking on shop"]), text).toBe(want);
  }
});

test("a long statement is shown where the text is", () => {
  const long = `SELECT ${"a, ".repeat(60)}\n  needle FROM t WHERE ${"b AND ".repeat(40)} c`;
  expect(around(long, "Needle from")).toMatch(/^…a, .* needle FROM t WHERE .*…$/);
  expect(around(long, "SELECT")).toMatch(/^SELECT a, .*…$/);
  expect(around("SELECT\n  1", "1")).toBe("SELECT 1");
});

test("pages of the server that is looked at come first, and those of admins are theirs", () => {
  expect(pagesOf("log", "/servers/7", true).hits.map((one) => one.href)).toEqual(["/servers/7/logs", "/audit"]);
  expect(pagesOf("log", null, false).hits).toEqual([]);
});

test("kinds stand in their order, without those that have nothing, and say how many there are", () => {
  const hit = (n: number) => ({ href: `/${n}`, name: String(n), about: "" });
  const groups = shownOf([
    { name: "Pages", hits: [], total: 0 },
    { name: "Statements", hits: [1, 2, 3, 4, 5, 6, 7, 8].map(hit), total: 8 },
    { name: "Servers", hits: [hit(9)], total: 40 },
  ]);
  expect(groups.map((one) => [one.name, one.hits.length, one.total])).toEqual([["Servers", 1, 40], ["Statements", 6, 8]]);
});

test("no key leads to two places", () => {
  const keys = [...PLACES, ...OF_SERVER].map((one) => one.key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(leadsTo("q", "/servers/7/logs")).toBe("/servers/7/queries");
  expect(leadsTo("q", "/alerts")).toBe(null);
});

test("a part of a list is put together from answers, and what moved meanwhile is there once", async () => {
  const ids = Array.from({ length: 250 }, (_, id) => ({ id }));
  const asked: string[] = [];
  const ask = async (path: string) => {
    asked.push(path);
    const page = Number(new URLSearchParams(path.split("?")[1]).get("page"));
    // Somebody added one at the beginning after the first answer.
    const moved = page === 1 ? 0 : 1;
    return { data: ids.slice((page - 1) * 100 - moved, page * 100 - moved), total: 250 };
  };
  const all = await readPart<{ id: number }>("/list?a=b", 1, 10, ask);
  expect([all.data.length, all.total, new Set(all.data.map((one) => one.id)).size]).toEqual([250, 250, 250]);
  expect(asked).toEqual([1, 2, 3].map((page) => `/list?a=b&page=${page}&page_size=100`));
  const second = await readPart<{ id: number }>("/list", 2, 2, ask);
  expect([second.data.length, second.page, second.size]).toEqual([51, 2, 200]);
  expect(asked.slice(3)).toEqual(["/list?page=3&page_size=100"]);
});

test("the oldest point of a statement is found, whenever it began, with few questions", async () => {
  const [minute, now] = [60_000, 40 * 86_400_000];
  for (const age of [30 * 1440, 12 * 1440 + 7, 61, 3, 0]) {
    // A sample a minute since then, but for a gap of a day.
    const all = Array.from({ length: age + 1 }, (_, n) => now - (age - n) * minute).filter((at) => now - at < 86_400_000 || now - at > 2 * 86_400_000);
    let asked = 0;
    const points = async (from: number, to: number, limit: number) => {
      asked++;
      return all.filter((at) => at >= from && at < to).slice(-limit);
    };
    expect(await firstSeen(points, now - 30 * 86_400_000, now, now), `${age} min`).toBe(all[0]);
    expect(asked, `${age} min`).toBeLessThanOrEqual(14);
  }
});
