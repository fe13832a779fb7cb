import assert from "node:assert/strict";
import { test } from "node:test";

import { rowLabel, shortComment, shortType, verdictOf, verdictText } from "#tree/label.js";
import { sampleRow } from "./samples.js";

/** @import { Kind } from "#tree/reply.js" */

test("the label of a row has name, kind, verdict, reason, type and contents", () => {
  assert.equal(rowLabel(sampleRow()), "orders (table), included: no pattern denies it, MANAGED, 12 columns");
  const warned = sampleRow({ verdict: "out", why: "denied", warn: "visible, not readable", type: "", holds: "" });
  assert.equal(rowLabel(warned), "orders (table, visible, not readable), excluded: denied");
  const bare = sampleRow({ kind: "notebooks", name: "Notebooks", verdict: "", why: "", type: "", holds: "" });
  assert.equal(rowLabel(bare), "Notebooks (workspace notebooks)");
});

test("the label of a row does not say the kind twice", () => {
  const row = sampleRow({ type: "Table", why: "", holds: "" });
  assert.equal(rowLabel(row), "orders, included, Table");
  assert.equal(rowLabel({ ...row, warn: "visible, not readable" }), "orders (visible, not readable), included, Table");
});

test("every character in the label of a row is visible", () => {
  const row = sampleRow({ name: "a\u202eb\n", type: "", holds: "", why: "" });
  assert.equal(rowLabel(row), "aU+202Eb␤ (table), included");
});

test("a long comment is cut between characters", () => {
  assert.equal(shortComment("kept"), "kept");
  const short = shortComment("😀".repeat(500));
  assert.equal(short, `${"😀".repeat(160)}…`);
});

test("a column shows the type of an object without its kind, and none of a container", () => {
  /** @type {(type: string, kind: Kind) => string} */
  const shown = (type, kind) => shortType(sampleRow({ type, kind }));
  assert.equal(shown("managed table", "table"), "managed");
  assert.equal(shown("materialized view", "view"), "materialized");
  assert.equal(shown("python notebook", "notebook"), "python");
  assert.equal(shown("table", "table"), "table");
  assert.equal(shortType(sampleRow({ type: "managed catalog", kind: "catalog", open: false })), "");
});

test("the reason of a container counts what it holds, so that an included one needs no further word", () => {
  const container = sampleRow({ open: true, why: "127 of 127 included · by catalog pattern .*" });
  assert.deepEqual(verdictOf(container), { symbol: "✓", word: "", separator: " · " });
  assert.equal(verdictText(container), "127 of 127 included · by catalog pattern .*");
  const partial = { ...container, verdict: /** @type {const} */ ("some"), why: "18 of 127 included" };
  assert.equal(verdictText(partial), "partial · 18 of 127 included");
  assert.equal(verdictText({ ...container, why: "" }), "included");
  assert.equal(verdictText(sampleRow({ verdict: "out", why: "denied" })), "excluded: denied");
});
