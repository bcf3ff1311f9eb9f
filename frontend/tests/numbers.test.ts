import { describe, expect, it } from "vitest";

import { bytes, dollars, figures, lengths, readNumber, scaled, time } from "../src/numbers/format";

describe("numbers as people read them", () => {
  it.each([[0, "0"], [29.53, "29.5"], [0.012345, "0.0123"], [123456, "123,000"], [1.22e-11, "1.22\u00a0·\u00a010⁻¹¹"], [NaN, "–"], [Infinity, "–"]] as const)("figures %d", (value, text) => {
    expect(figures(value)).toBe(text);
  });
  it.each([[5.4427, "$5.44"], [9.996, "$10"], [16.4, "$16"], [0.5, "$0.50"], [0.0321, "$0.032"], [null, "–"]] as const)("dollars %d", (value, text) => {
    expect(dollars(value)).toBe(text);
  });
  it.each([[0.0338, "34 ms"], [0.0078, "7.8 ms"], [0.139, "139 ms"], [2.5e-6, "2.5 µs"], [119, "119 s"], [468, "7.8 min"], [0, "0 s"]] as const)("time %d", (value, text) => {
    expect(time(value)).toBe(text);
  });
  it("has prefixes and units", () => {
    expect(scaled(671026404352)).toBe("671 B");
    expect(scaled(999.9)).toBe("1 K");
    expect(bytes(70272)).toBe("70.3 KB");
    expect(lengths(8192)).toBe("8K");
  });
  it.each([["64", 64], ["1,024", 1024], ["$4.59", 4.59], ["128k", 128000], ["8Ki", 8192], ["1e3", 1000], ["50 ms", 50], ["", undefined], ["many", undefined]] as const)("reads %s", (text, value) => {
    expect(readNumber(text)).toBe(value);
  });
});
