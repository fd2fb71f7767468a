import { describe, expect, it } from "vitest";
import { parse } from "./api";
import { ago, bytes, change, clock, count, csv, full, isZone, millis, setZone } from "./format";
import { offBy, type Plan, type PlanNode, rowsOf } from "./plan";
import { ofSteps, perSecond, withGaps } from "./rates";
import { marksOf } from "./marks";
import { stack } from "./stack";

describe("figures for people", () => {
  it("has few digits and a unit", () => {
    expect([count(0.00312), count(0.000123), count(0.5), count(-0.02), count(0)]).toEqual(["0.0031", "0.00012", "0.50", "-0.02", "0"]);
    expect([count(7), count(1234.5), count(2_500_000), count(null)]).toEqual(["7", "1234.5", "2.5 M", "–"]);
    expect([bytes(512), bytes(1536), bytes(3 * 2 ** 30)]).toEqual(["512 B", "1.5 KiB", "3.0 GiB"]);
    expect([millis(0.5), millis(1500), millis(7_200_000)]).toEqual(["0.50 ms", "1.50 s", "2.0 h"]);
    expect(ago("1970-01-01T00:00:00Z", 120_000)).toBe("2 min ago");
  });

  it("makes CSV that no spreadsheet takes for a formula", () => {
    expect(csv(["a", "b"], [["=1+1", 'x"y'], [-5, null]])).toBe("a,b\r\n'=1+1,\"x\"\"y\"\r\n-5,\r\n");
  });
});

describe("query ids", () => {
  it("keep all their digits", () => {
    const parsed = parse('{"query_hash":-9223372036854775807,"calls":5,"data":[{"query_hash":12}]}');
    expect(parsed).toEqual({ query_hash: "-9223372036854775807", calls: 5, data: [{ query_hash: 12 }] });
  });
});

describe("stacked lines", () => {
  it("stand on those before them", () => {
    expect(stack([{ label: "a", values: [1, null, null] }, { label: "b", values: [2, 3, null] }])).toEqual([[1, 0, null], [3, 3, null]]);
  });
});

describe("a plan", () => {
  const node = (kind: string, cost: number, rows: number, actual: PlanNode["actual"], children: PlanNode[] = []) =>
    ({
      id: 0, kind, role: "outer", subplan: null, actual, children, conditions: [], buffers: null, work: {},
      target: { schema: null, relation: null, alias: null, index: null, cte: null, function: null },
      shape: { join_type: null, partial_mode: null, strategy: null, operation: null, is_parallel: false },
      keys: { sort: [], presorted: [], group: [], cache: [] },
      estimate: { startup_cost: 0, total_cost: cost, rows, width: 8 },
    }) as PlanNode;
  const ran = (rows: number, loops: number, total_ms: number, self_ms: number, processes = 1) => ({ rows, loops, total_ms, self_ms, processes, removed_by_filter: 0, removed_by_join_filter: 0 });
  const plan = (root: PlanNode) => ({ tree: { root, execution_ms: null, planning_ms: null } }) as Plan;

  it("says what each node took of the whole, and how far the planner was off", () => {
    const below = node("Seq Scan", 80, 10, ran(4000, 2, 150, 150, 2));
    const rows = rowsOf(plan(node("Gather", 100, 10, ran(4000, 1, 100, 25), [below])));
    expect(rows.map((row) => [row.lead + row.title, row.share, row.expected, offBy(row.off)])).toEqual([
      ["Gather", 0.25, 10, "400 × more"],
      ["└─ Seq Scan", 0.75, 20, "200 × more"],
    ]);
  });

  it("has shares of the cost where it never ran", () => {
    const rows = rowsOf(plan(node("Sort", 100, 10, null, [node("Seq Scan", 80, 10, null)])));
    expect(rows.map((row) => [row.share, row.rows, row.off])).toEqual([[0.2, null, null], [0.8, null, null]]);
  });
});

describe("rates", () => {
  it("divides what was counted over a gap by the gap", () => {
    expect(perSecond([0, 30, 60, 160], [300, 300, null, 1000])).toEqual([10, 10, null, 10]);
  });

  it("leaves out steps of which a part only is known", () => {
    const at = (minute: number, value: number) => ({ time: `2026-01-01T00:${String(minute).padStart(2, "0")}:00Z`, value });
    const end = Date.parse("2026-01-01T00:05:30Z") / 1000;
    expect(ofSteps([at(0, 10), at(1, 60), at(4, 180), at(5, 20)], 60, end)).toEqual([at(1, 1), at(4, 1)]);
  });
});

describe("times", () => {
  it("are shown in the zone that was chosen", () => {
    setZone(() => "Asia/Kolkata");
    const now = Date.parse("2026-11-29T22:00:00Z");
    expect([full("2026-11-29T21:44:08Z"), clock("2026-11-29T21:44:08Z", now), clock("2026-11-28T00:00:00Z", now)]).toEqual(["2026-11-30 03:14:08", "03:14:08", "2026-11-28 05:30:00"]);
    setZone(() => undefined);
    expect([isZone("Etc/UTC"), isZone("localtime")]).toEqual([true, false]);
  });

  it("are compared in words", () => {
    expect([change(112, 100), change(50, 100), change(100, 100), change(2500, 100), change(5, 0)]).toEqual(["+ 12 %", "− 50 %", "same", "25 ×", "–"]);
  });
});

describe("what happened", () => {
  const setting = (time: string, ...rows: [string, string][]) => ({ timestamp: time, rows: rows.map(([name, setting]) => ({ name, setting, unit: null })) });
  it("names settings that changed, not those that were told again", () => {
    const server = { id: 1, name: "db", collector_id: "c", instances: [{ postmaster_start_time: "2026-01-01T00:30:00Z" }] };
    const settings = [setting("2026-01-01T01:00:00Z", ["work_mem", "8"], ["fsync", "on"]), setting("2026-01-01T00:00:00Z", ["work_mem", "4"], ["fsync", "on"])];
    const marks = marksOf(server, { settings }, 0, Date.parse("2026-01-02T00:00:00Z"));
    expect(marks.map((mark) => mark.text.slice(9))).toEqual(["the server was started", "setting work_mem = 8, was 4"]);
  });
});

describe("gaps", () => {
  it("ends a line where nobody looked, and nowhere else", () => {
    expect(withGaps([0, 60, 120, 480, 540], 15)).toEqual([0, 60, 120, 300, 480, 540]);
    expect(withGaps([0, 60, 180, 240], 60)).toEqual([0, 60, 180, 240]);
    expect(withGaps([7], 15)).toEqual([7]);
  });
});
