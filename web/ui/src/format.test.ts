import { describe, expect, it } from "vitest";
import { parse } from "./api";
import { ago, bytes, count, csv, millis } from "./format";
import { stack } from "./stack";

describe("figures for people", () => {
  it("has few digits and a unit", () => {
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
    expect(stack([{ label: "a", values: [1, null] }, { label: "b", values: [2, 3] }])).toEqual([[1, 0], [3, 3]]);
  });
});
