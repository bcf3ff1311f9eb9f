import { describe, expect, it } from "vitest";

import { parse, type Node } from "../src/explain/expression";

function value(node: Node, names: Record<string, number>): number {
  switch (node.kind) {
    case "number": return Number(node.text);
    case "name": return names[node.name] ?? NaN;
    case "minus": return -value(node.of, names);
    case "call": return Math.max(...node.parts.map((part) => value(part, names)));
    default: {
      const a = value(node.left, names);
      const b = value(node.right, names);
      return { "+": a + b, "-": a - b, "*": a * b, "/": a / b, "^": a ** b }[node.op] ?? NaN;
    }
  }
}

describe("formulas", () => {
  it.each([
    ["((requests_per_s * osl) / gpus)", { requests_per_s: 2, osl: 8, gpus: 4 }, 4],
    ["a - b - c", { a: 9, b: 3, c: 2 }, 4],
    ["a / b / c", { a: 12, b: 3, c: 2 }, 2],
    ["2 * x ** 3", { x: 2 }, 16],
    ["-a + b * c", { a: 1, b: 2, c: 3 }, 5],
    ["max(a, b + 1) * 1e+06", { a: 1, b: 2 }, 3e6],
    ["decode step + prefill of other requests between two tokens", { "decode step": 2, "prefill of other requests between two tokens": 1 }, 3],
  ])("%s", (text, names, expected) => {
    const tree = parse(text);
    expect(tree).not.toBeNull();
    expect(value(tree as Node, names as unknown as Record<string, number>)).toBeCloseTo(expected, 9);
  });
  it("leave prose alone", () => {
    expect(parse("80 % of runs; see the page")).toBeNull();
    expect(parse("a + (b")).toBeNull();
    expect(parse("")).toBeNull();
  });
});
