import assert from "node:assert/strict";
import { test } from "node:test";

import { readReply } from "#tree/reply.js";
import { below, sampleReply, sampleRow, numbers, pick } from "./samples.js";

test("a well-formed reply is read as it is, without a problem", () => {
  const sent = sampleReply();
  const { reply, problems } = readReply(JSON.parse(JSON.stringify(sent)));
  assert.deepEqual(problems, []);
  assert.deepEqual(reply, sent);
});

test("before the kernel answers there is no reply and no problem", () => {
  assert.deepEqual(readReply({}), { reply: null, problems: [] });
});

test("a value that is not a reply is reported", () => {
  for (const value of [null, undefined, 3, "text", [], [sampleRow()], true]) {
    const { reply, problems } = readReply(value);
    assert.equal(reply, null);
    assert.deepEqual(problems, ["the reply is not an object"]);
  }
});

test("a malformed row leaves its place empty, and the rows after it keep theirs", () => {
  const rows = [sampleRow({ id: "1" }), { id: "" }, null, { name: "no id" }, sampleRow({ id: "5" })];
  const { reply, problems } = readReply(sampleReply({ total: 10, rows }));
  assert.deepEqual(
    reply?.rows.map((row) => row?.id),
    ["1", undefined, undefined, undefined, "5"],
  );
  assert.deepEqual(
    problems,
    [3, 4, 5].map((place) => `row ${place} has no id or no name`),
  );
});

test("fields of a wrong type are replaced by defaults and reported", () => {
  const row = { id: "x", name: "x", level: "2", kind: "<b>", tick: 1, verdict: "maybe", why: {}, of: -1, pos: 0.5 };
  const { reply, problems } = readReply(sampleReply({ total: 3, start: 2, rows: [row] }));
  const NO_WORDS = { why_short: "", holds: "", holds_short: "" };
  const replaced = { level: 1, kind: "table", tick: "off", verdict: "", why: "", of: 1, pos: 1, parent: -1 };
  assert.deepEqual(reply?.rows[0], { ...sampleRow(), id: "x", name: "x", type: "", ...NO_WORDS, ...replaced });
  assert.deepEqual(problems, [
    "level is not a count",
    "kind is not a known value",
    "tick is not a known value",
    "verdict is not a known value",
    "why is not a text",
    "pos is not a count",
    "of is not a count",
  ]);
});

test("missing fields have defaults", () => {
  const { reply, problems } = readReply({ total: 1, rows: [{ id: "x", name: "x" }] });
  assert.deepEqual(problems, []);
  assert.equal(reply?.rows[0]?.kind, "table");
  assert.equal(reply?.status.show, "all");
  assert.equal(reply?.focus, null);
});

test("rows beyond the total are not read", () => {
  const { reply } = readReply(sampleReply({ total: 3, start: 2 }));
  assert.equal(reply?.rows.length, 1);
  assert.equal(readReply(sampleReply({ total: 1, start: 2 })).reply?.rows.length, 0);
});

test("a focus that is not a row is ignored", () => {
  assert.equal(readReply(sampleReply({ focus: 4 })).reply?.focus, 4);
  for (const focus of [5, -1, 1.5, "1", NaN, Infinity, {}]) {
    const { reply, problems } = readReply(sampleReply({ focus }));
    assert.equal(reply?.focus, null);
    assert.deepEqual(problems, ["focus is not a row"]);
  }
});

test("a parent is above its child, or walking up would not end", () => {
  const rows = [2, 99, 3, -7].map((parent) => sampleRow({ parent }));
  const { reply } = readReply(sampleReply({ total: 9, start: 2, rows }));
  assert.deepEqual(
    reply?.rows.map((row) => row?.parent),
    [-1, -1, 3, -1],
  );
});

test("text is cut before it can fill the page", () => {
  const { reply } = readReply(sampleReply({ rows: [sampleRow({ name: "x".repeat(1e6), why: "y".repeat(1e6) })] }));
  assert.equal(reply?.rows[0]?.name.length, 4000);
  assert.equal(reply?.rows[0]?.why.length, 4000);
});

test("no value makes it throw", () => {
  const numbersNotWanted = [NaN, Infinity, -1, 0.5, 2 ** 60];
  const hostile = [...numbersNotWanted, null, undefined, "", "\u202e", [], {}, [[]], { length: 9 }, true];
  const fields = ["session", "ack", "version", "total", "start", "rows", "focus", "status"];
  const rowFields = Object.keys(sampleRow());
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = numbers(seed);
    const row = { ...sampleRow(), [pick(random, rowFields)]: hostile[below(random, hostile.length)] };
    const change = { rows: [row, row], [pick(random, fields)]: hostile[below(random, hostile.length)] };
    const { reply } = readReply(sampleReply(change));
    assert.ok(reply !== null);
    assert.ok(Number.isSafeInteger(reply.total) && reply.total >= 0);
    assert.ok(reply.start + reply.rows.length <= Math.max(reply.total, reply.start));
    assert.equal(typeof reply.status.query, "string");
  }
});
