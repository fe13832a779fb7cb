import assert from "node:assert/strict";
import { test } from "node:test";

import { readReply } from "../../dbxexplore/widgets/browse/static/logic.js";
import { below, madeReply, madeRow, numbers, pick } from "./made.js";

test("a sound reply is read as it is, without a complaint", () => {
  const sent = madeReply();
  const { reply, problems } = readReply(JSON.parse(JSON.stringify(sent)));
  assert.deepEqual(problems, []);
  assert.deepEqual(reply, sent);
});

test("before the kernel has said anything there is no reply, and no complaint", () => {
  assert.deepEqual(readReply({}), { reply: null, problems: [] });
});

test("what is no reply at all is named", () => {
  for (const value of [null, undefined, 3, "text", [], [madeRow()], true]) {
    const { reply, problems } = readReply(value);
    assert.equal(reply, null);
    assert.deepEqual(problems, ["the reply is no object"]);
  }
});

test("a row that cannot be read leaves its place empty, and the rows after it stay in theirs", () => {
  const rows = [madeRow({ id: "1" }), { id: "" }, null, { name: "no id" }, madeRow({ id: "5" })];
  const { reply, problems } = readReply(madeReply({ total: 10, rows }));
  assert.deepEqual(
    reply?.rows.map((row) => row?.id),
    ["1", undefined, undefined, undefined, "5"],
  );
  assert.deepEqual(
    problems,
    [3, 4, 5].map((place) => `row ${place} has no id or no name`),
  );
});

test("fields of a wrong type are replaced by harmless ones, and named", () => {
  const row = { id: "x", name: "x", level: "2", kind: "<b>", tick: 1, verdict: "maybe", why: {}, of: -1, pos: 0.5 };
  const { reply, problems } = readReply(madeReply({ total: 3, start: 2, rows: [row] }));
  const NO_WORDS = { why_short: "", holds: "", holds_short: "" };
  const replaced = { level: 1, kind: "table", tick: "off", verdict: "", why: "", of: 1, pos: 1, parent: -1 };
  assert.deepEqual(reply?.rows[0], { ...madeRow(), id: "x", name: "x", type: "", ...NO_WORDS, ...replaced });
  assert.deepEqual(problems, [
    "level is no count",
    "kind is none of the known",
    "tick is none of the known",
    "verdict is none of the known",
    "why is no text",
    "pos is no count",
    "of is no count",
  ]);
});

test("fields that are missing are harmless", () => {
  const { reply, problems } = readReply({ total: 1, rows: [{ id: "x", name: "x" }] });
  assert.deepEqual(problems, []);
  assert.equal(reply?.rows[0]?.kind, "table");
  assert.equal(reply?.status.show, "all");
  assert.equal(reply?.focus, null);
});

test("rows beyond the total are not read", () => {
  const { reply } = readReply(madeReply({ total: 3, start: 2 }));
  assert.equal(reply?.rows.length, 1);
  assert.equal(readReply(madeReply({ total: 1, start: 2 })).reply?.rows.length, 0);
});

test("a focus that is no row is not followed", () => {
  assert.equal(readReply(madeReply({ focus: 4 })).reply?.focus, 4);
  for (const focus of [5, -1, 1.5, "1", NaN, Infinity, {}]) {
    const { reply, problems } = readReply(madeReply({ focus }));
    assert.equal(reply?.focus, null);
    assert.deepEqual(problems, ["focus is no row"]);
  }
});

test("a parent stands above its child, else walking up would not end", () => {
  const rows = [madeRow({ parent: 2 }), madeRow({ parent: 99 }), madeRow({ parent: 3 }), madeRow({ parent: -7 })];
  const { reply } = readReply(madeReply({ total: 9, start: 2, rows }));
  assert.deepEqual(
    reply?.rows.map((row) => row?.parent),
    [-1, -1, 3, -1],
  );
});

test("text is cut before it can fill the page", () => {
  const { reply } = readReply(madeReply({ rows: [madeRow({ name: "x".repeat(1e6), why: "y".repeat(1e6) })] }));
  assert.equal(reply?.rows[0]?.name.length, 4000);
  assert.equal(reply?.rows[0]?.why.length, 4000);
});

test("no value whatever makes it throw", () => {
  const numbersNotWanted = [NaN, Infinity, -1, 0.5, 2 ** 60];
  const hostile = [...numbersNotWanted, null, undefined, "", "\u202e", [], {}, [[]], { length: 9 }, true];
  const fields = ["session", "ack", "version", "total", "start", "rows", "focus", "status"];
  const rowFields = Object.keys(madeRow());
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = numbers(seed);
    const row = { ...madeRow(), [pick(random, rowFields)]: hostile[below(random, hostile.length)] };
    const change = { rows: [row, row], [pick(random, fields)]: hostile[below(random, hostile.length)] };
    const { reply } = readReply(madeReply(change));
    assert.ok(reply !== null);
    assert.ok(Number.isSafeInteger(reply.total) && reply.total >= 0);
    assert.ok(reply.start + reply.rows.length <= Math.max(reply.total, reply.start));
    assert.equal(typeof reply.status.query, "string");
  }
});
