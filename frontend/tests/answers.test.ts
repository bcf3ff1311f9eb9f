import { describe, expect, it } from "vitest";

import { readProblem } from "../src/api/problem";
import { splitEvents } from "../src/api/stream";
import { asCli, asCurl, asPython } from "../src/copy/copies";

describe("streams", () => {
  it("give whole events, and keep the rest", () => {
    const [events, rest] = splitEvents('event: job\ndata: {"job":"a"}\n\nevent: progress\r\ndata: {"share":0.5}\r\n\r\nevent: ans');
    expect(events).toEqual([{ name: "job", data: { job: "a" } }, { name: "progress", data: { share: 0.5 } }]);
    expect(rest).toBe("event: ans");
  });
});

describe("problems", () => {
  it("carry every fault", () => {
    const problem = readProblem({ title: "bad input", detail: "batch = 0", faults: [{ field: "batch", value: 0, limit: "from 1", fix: "" }] }, 422);
    expect(problem.unreachable).toBe(false);
    expect(problem.faults).toEqual([{ field: "batch", value: "0", limit: "from 1", fix: "", suggestions: [] }]);
    const unknown = readProblem({ title: "not there", faults: [{ field: "model", value: "qwen", suggestions: ["qwen3-8b", "qwen3-32b"] }] }, 404);
    expect(unknown.faults[0]?.suggestions).toEqual(["qwen3-8b", "qwen3-32b"]);
    expect(readProblem(null, 500).title).toContain("500");
  });
});

describe("copies", () => {
  const question = { verb: "analyze", body: { model: "deepseek-r1", system: "8xh200", tp: 8, kv_dtype: "fp8", note: "it's" } };
  it("are the command line's", () => {
    expect(asCli(question)).toBe("tokenroof analyze deepseek-r1 --system 8xh200 --tp 8 --kv-dtype fp8 --note 'it'\\''s'");
  });
  it("are Python's", () => {
    expect(asPython({ verb: "break-even", body: { model: "m", tp: 2 } })).toContain('tokenroof.break_even("m", tp=2)');
  });
  it("are the API's", () => {
    expect(asCurl(question, "http://127.0.0.1:1")).toContain("http://127.0.0.1:1/api/v1/analyze");
  });
});
