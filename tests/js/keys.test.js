import assert from "node:assert/strict";
import { test } from "node:test";

import { TYPE_AHEAD_MS, decideKey, findAmongLoaded, isMeantFor, typeAhead } from "#tree/keys.js";
import { below, sampleRow, numbers, pick } from "./samples.js";

/** @import { KeyContext } from "#tree/keys.js" */

const CLOSED = sampleRow({ id: "main", kind: "catalog", open: false, level: 1, parent: -1 });
const OPEN = { ...CLOSED, open: true };
const TABLE = sampleRow({ parent: 4 });

/**
 * @param {string} key
 * @param {Partial<KeyContext>} [change]
 */
const decide = (key, change = {}) =>
  decideKey({ key }, { index: 5, total: 100, page: 10, row: TABLE, readOnly: false, ...change });

test("arrows, Home, End and pages move, and stop at the ends", () => {
  /** @type {[string, number, number][]} */
  const cases = [
    ["ArrowDown", 5, 6],
    ["ArrowDown", 99, 99],
    ["ArrowUp", 5, 4],
    ["ArrowUp", 0, 0],
    ["Home", 5, 0],
    ["End", 5, 99],
    ["PageDown", 5, 15],
    ["PageDown", 95, 99],
    ["PageUp", 15, 5],
    ["PageUp", 3, 0],
  ];
  for (const [key, index, to] of cases) assert.deepEqual(decide(key, { index }), { type: "move", to }, key);
});

test("a page is at least one row", () => {
  assert.deepEqual(decide("PageDown", { page: 0 }), { type: "move", to: 6 });
});

test("the right arrow opens, then goes to the first child, and stays on what cannot be opened", () => {
  assert.deepEqual(decide("ArrowRight", { row: CLOSED }), { type: "open", open: true });
  assert.deepEqual(decide("ArrowRight", { row: OPEN }), { type: "move", to: 6 });
  assert.deepEqual(decide("ArrowRight", { row: TABLE }), { type: "none" });
});

test("the left arrow closes, then goes to the parent, and stays on the first level", () => {
  assert.deepEqual(decide("ArrowLeft", { row: OPEN }), { type: "open", open: false });
  assert.deepEqual(decide("ArrowLeft", { row: TABLE }), { type: "move", to: 4 });
  assert.deepEqual(decide("ArrowLeft", { row: CLOSED }), { type: "none" });
});

test("Space ticks, unless the tree is read only", () => {
  assert.deepEqual(decide(" "), { type: "tick" });
  assert.deepEqual(decide(" ", { readOnly: true }), { type: "none" });
});

test("Enter selects, and opens or closes a container too", () => {
  assert.deepEqual(decide("Enter"), { type: "select", toggle: false });
  assert.deepEqual(decide("Enter", { row: OPEN }), { type: "select", toggle: true });
});

test("the star opens siblings; other characters are typed ahead", () => {
  assert.deepEqual(decide("*"), { type: "siblings" });
  for (const char of ["a", "Z", "_", "7", "é", "数", "😀"]) assert.deepEqual(decide(char), { type: "type", char });
});

test("a row that is not loaded is not acted on, but can be left", () => {
  for (const key of [" ", "Enter", "*", "ArrowLeft", "ArrowRight"]) {
    assert.deepEqual(decide(key, { row: undefined }), { type: "none" }, key);
  }
  assert.deepEqual(decide("ArrowDown", { row: undefined }), { type: "move", to: 6 });
});

test("an empty tree takes its keys and does nothing", () => {
  for (const key of ["ArrowDown", "End", "PageUp"]) {
    assert.deepEqual(decide(key, { total: 0, index: 0, row: undefined }), { type: "none" });
  }
});

test("keys of the browser and of the notebook are left alone", () => {
  for (const key of ["Tab", "Shift", "F5", "Dead", "Unidentified", "ContextMenu"]) assert.equal(decide(key), null, key);
  const context = { index: 5, total: 100, page: 10, row: TABLE, readOnly: false };
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) {
    for (const key of ["a", "ArrowDown", "Home", " ", "Enter", "Escape"]) {
      assert.equal(decideKey({ key, [modifier]: true }, context), null, `${modifier} ${key}`);
    }
  }
});

test("whatever the key and the place, a move stays in the tree", () => {
  const keys = ["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End", "PageDown", "PageUp"];
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = numbers(seed);
    const total = 1 + below(random, 50);
    const index = below(random, total);
    const row = random() < 0.2 ? undefined : pick(random, [CLOSED, OPEN, sampleRow({ parent: index - 1 })]);
    const action = decide(pick(random, keys), { total, index, row, page: below(random, 40) });
    if (action?.type === "move") assert.ok(action.to >= 0 && action.to < total);
  }
});

test("letters typed together make one text, looked for from where the focus is", () => {
  const first = typeAhead({ text: "", at: -Infinity }, "o", 1000, 5);
  assert.deepEqual(first, { text: "o", typed: "o", from: 6 });
  const second = typeAhead({ text: first.typed, at: 1000 }, "r", 1000 + TYPE_AHEAD_MS, 8);
  assert.deepEqual(second, { text: "or", typed: "or", from: 8 });
  const late = typeAhead({ text: second.typed, at: 1000 }, "d", 1001 + TYPE_AHEAD_MS, 8);
  assert.deepEqual(late, { text: "d", typed: "d", from: 9 });
});

test("one letter typed again and again goes on to the next row", () => {
  assert.deepEqual(typeAhead({ text: "o", at: 0 }, "o", 100, 6), { text: "o", typed: "oo", from: 7 });
  assert.deepEqual(typeAhead({ text: "oo", at: 0 }, "O", 100, 7), { text: "O", typed: "ooO", from: 8 });
  assert.deepEqual(typeAhead({ text: "oo", at: 0 }, "p", 100, 7), { text: "oop", typed: "oop", from: 7 });
});

const NAMES = ["Apple", "banana", "apricot", "cherry"];

test("the next name is found among loaded rows, whatever its case, around the end", () => {
  const nameAt = (/** @type {number} */ index) => NAMES[index];
  assert.equal(findAmongLoaded("a", 0, 4, nameAt), 0);
  assert.equal(findAmongLoaded("A", 1, 4, nameAt), 2);
  assert.equal(findAmongLoaded("ap", 3, 4, nameAt), 0);
  assert.equal(findAmongLoaded("x", 2, 4, nameAt), -1);
  assert.equal(findAmongLoaded("a", 0, 0, nameAt), -1);
});

test("a row that is not loaded leaves it open, unless a match comes first", () => {
  const nameAt = (/** @type {number} */ index) => (index === 1 ? undefined : NAMES[index]);
  assert.equal(findAmongLoaded("ap", 2, 4, nameAt), 2);
  assert.equal(findAmongLoaded("ban", 2, 4, nameAt), null);
  assert.equal(findAmongLoaded("ch", 0, 4, nameAt), null);
});

test("a click is for the row that was pressed, and one without a pointer for the row that it is on", () => {
  assert.equal(isMeantFor("1-l5", "1-l5", 1), true);
  assert.equal(isMeantFor("1-l5", "1-l6", 1), false);
  assert.equal(isMeantFor("1-l5", "1-l6", 2), false);
  assert.equal(isMeantFor("", "1-l6", 1), false);
  assert.equal(isMeantFor("", "1-l6", 0), true);
});
