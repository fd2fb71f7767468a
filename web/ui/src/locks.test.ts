import { expect, test } from "vitest";
import { chains, type Pair } from "./locks";

const pair = (blocked_pid: number, blocking_pid: number | null): Pair => ({
  blocked_pid, blocking_pid, database: "shop", relation: "public.stock", lock_type: "relation", mode_wanted: "ShareLock", wait_seconds: 2,
  blocked_user: "app", blocked_query: `UPDATE ${blocked_pid}`, blocking_user: "app", blocking_state: "active", blocking_query: `LOCK ${blocking_pid}`, blocking_transaction_seconds: 3,
});

const drawn = (pairs: Pair[]) => chains(pairs).map((one) => `${one.lead}${one.pid} (${one.behind})`);

test("whoever waits for nobody comes first, and those behind stand below it", () => {
  const found = chains([pair(591, 583), pair(613, 591), pair(615, 613), pair(9, 8)]);
  expect(found.map((one) => `${one.lead}${one.pid} ${one.behind}`)).toEqual(["583 3", "└─ 591 2", "   └─ 613 1", "      └─ 615 0", "8 1", "└─ 9 0"]);
  expect([found[0].query, found[0].waitsFor, found[0].state]).toEqual(["LOCK 583", undefined, "active"]);
  expect([found[1].query, found[1].waitsFor, found[1].transactionSeconds]).toEqual(["UPDATE 591", "ShareLock on public.stock", 3]);
});

test("who is blocked by several stands once, below the deepest, and names the others", () => {
  const found = chains([pair(601, 591), pair(599, 591), pair(601, 599)]);
  expect(found.map((one) => `${one.lead}${one.pid}`)).toEqual(["591", "└─ 599", "   └─ 601"]);
  expect(found[2].others).toEqual([591]);
});

test("a ring of sessions and a prepared transaction are shown, too", () => {
  expect(drawn([pair(1, 2), pair(2, 1)]).length).toBe(2);
  expect(drawn([pair(1, 2), pair(2, 3), pair(3, 1)]).length).toBe(3);
  expect(drawn([pair(4, null)])).toEqual(["null (1)", "└─ 4 (0)"]);
});
