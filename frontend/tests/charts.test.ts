import { describe, expect, it } from "vitest";

import { csv } from "../src/charts/export";
import { ceiling, doublings, logTicks } from "../src/charts/scales";
import { dodge, place } from "../src/charts/shapes";
import { stepped } from "../src/charts/Handle";

describe("labels", () => {
  it("stand apart and keep their order", () => {
    const moved = dodge([{ y: 50, name: "a" }, { y: 51, name: "b" }, { y: 51.5, name: "c" }], 16, 0, 100);
    expect(moved.map((one) => one.name)).toEqual(["a", "b", "c"]);
    for (let at = 1; at < moved.length; at += 1) expect((moved[at]?.y ?? 0) - (moved[at - 1]?.y ?? 0)).toBeGreaterThan(15.8);
  });
  it("are left out where they would cover another", () => {
    const inside = { x0: 0, y0: 0, x1: 90, y1: 20 };
    const taken = [{ x0: 0, y0: 0, x1: 90, y1: 20 }];
    expect(place(20, 10, "a name", taken, inside)).toBeNull();
  });
});

describe("axes", () => {
  it("have as many ticks as fit", () => {
    expect(logTicks([0.5, 250], 4, String).map((tick) => tick.value)).toEqual([1, 10, 100]);
    expect(doublings([1, 512], 12, String)).toHaveLength(10);
  });
  it.each([[52, 80], [80, 80], [0.3, 0.4], [101, 200]])("end at a round number above %d", (value, end) => {
    expect(ceiling(value)).toBeCloseTo(end, 9);
  });
});

describe("a handle under the keyboard", () => {
  it.each([["ArrowRight", 8, 9], ["ArrowLeft", 8, 7], ["ArrowRight", 100, 105], ["ArrowLeft", 100, 95], ["PageUp", 64, 128], ["PageDown", 64, 32], ["Home", 64, 1], ["End", 64, 131], ["PageUp", 128, 131], ["ArrowLeft", 1, 1]] as const)("%s from %d", (key, from, to) => {
    expect(stepped(key, from, 1, 131, true)).toBe(to);
  });
  it("leaves other keys alone", () => {
    expect(stepped("a", 8, 1, 131, true)).toBeNull();
  });
});

describe("CSV", () => {
  it("quotes, and runs nothing in a spreadsheet", () => {
    const text = csv({ columns: [{ name: "a" }, { name: "b" }], rows: [["=1+1", "x, y"], ["-5", null]] });
    expect(text).toBe(`a,b\n'=1+1,"x, y"\n-5,\n`);
  });
});
