/** Links: non-defaults only, in one order; what is not known is kept; what is wrong is said. */

import { describe, expect, it } from "vitest";

import { INITIAL, readLink, writeLink, VIEWS } from "../src/state/params";

describe("links", () => {
  it("say nothing but the version where nothing is changed", () => {
    expect(writeLink(INITIAL)).toBe("?v=1");
  });
  it("have one order, whatever was changed first", () => {
    expect(writeLink({ ...INITIAL, b: 125, view: "plan" })).toBe("?v=1&view=plan&b=125");
    expect(writeLink(readLink("?b=125&view=plan&v=1").state)).toBe("?v=1&view=plan&b=125");
  });
  it("come back as they were, for every view", () => {
    for (const view of VIEWS) {
      const state = { ...INITIAL, view, m: "llama-3.3-70b", s: "4xh100", tp: 0, tpot: 12.5, p: 2.25, vs: "8xb200,8xh100", offer: "openai/gpt-5" };
      expect(readLink(writeLink(state)).state).toEqual(state);
    }
  });
  it("keep what this version does not know", () => {
    const link = readLink("?v=1&colour=red&b=7");
    expect(link.extra).toEqual([["colour", "red"]]);
    expect(writeLink(link.state, link.extra)).toBe("?v=1&b=7&colour=red");
  });
  it("name a value that cannot be, and hold the default", () => {
    for (const [search, key] of [["?b=0", "b"], ["?b=nonsense", "b"], ["?view=cellar", "view"], ["?tpot=1e99", "tpot"]] as const) {
      const link = readLink(search);
      expect(link.faults).toHaveLength(1);
      expect(link.faults[0]).toContain(key);
      expect(link.state).toEqual(INITIAL);
    }
    expect(readLink("?v=9").faults[0]).toContain("version 9");
  });
});
