import assert from "node:assert/strict";
import { test } from "node:test";

import { borderRange, fitColumns, moveBorder, readShares, titleSort } from "#tree/columns.js";
import { below, numbers } from "./samples.js";

const LEAST = [150, 60, 60, 60];

/** @param {readonly number[]} widths */
const sum = (widths) => widths.reduce((a, b) => a + b, 0);

test("columns fill the width in their proportions", () => {
  assert.deepEqual(fitColumns([40, 30, 10, 20], LEAST, 1000), [400, 300, 100, 200]);
});

test("columns keep their minimum widths, the widest gives", () => {
  assert.deepEqual(fitColumns([90, 4, 3, 3], LEAST, 1000), [820, 60, 60, 60]);
  assert.deepEqual(fitColumns([1, 1, 1, 1], LEAST, 200), LEAST);
  assert.deepEqual(fitColumns([0, 0], [10, 10], 100), [90, 10]);
});

test("columns fill any width that has room for them, to the pixel", () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = numbers(seed);
    const width = 330 + random() * 2000;
    const widths = fitColumns(LEAST.map(() => random() * 50), LEAST, width);
    assert.equal(sum(widths), Math.floor(width));
    assert.ok(widths.every((w, i) => w >= (LEAST[i] ?? 0) && Number.isInteger(w)));
  }
});

test("a border moves between two columns and leaves the others", () => {
  assert.deepEqual(moveBorder([400, 300, 100, 200], LEAST, 0, 50), [450, 250, 100, 200]);
  assert.deepEqual(moveBorder([400, 300, 100, 200], LEAST, 1, -40), [400, 260, 140, 200]);
});

test("a border stops at the minimum width of either column", () => {
  assert.deepEqual(moveBorder([400, 300, 100, 200], LEAST, 0, -9999), [150, 550, 100, 200]);
  assert.deepEqual(moveBorder([400, 300, 100, 200], LEAST, 0, 9999), [640, 60, 100, 200]);
  assert.deepEqual(moveBorder([400, 300, 100, 200], LEAST, 2, 9999), [400, 300, 240, 60]);
});

test("a border has the range in which it can move", () => {
  assert.deepEqual(borderRange([400, 300, 100, 200], LEAST, 0), { min: 150, now: 400, max: 640 });
  assert.deepEqual(borderRange([100, 40], [150, 60], 0), { min: 100, now: 100, max: 100 });
});

test("however borders are moved, the sum and the minimum widths stay", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = numbers(seed);
    let widths = fitColumns([44, 24, 12, 20], LEAST, 900);
    for (let step = 0; step < 30; step += 1) {
      const column = below(random, 3);
      const { min, max } = borderRange(widths, LEAST, column);
      widths = moveBorder(widths, LEAST, column, below(random, 1200) - 600);
      assert.equal(sum(widths), 900);
      assert.ok(widths.every((w, i) => w >= (LEAST[i] ?? 0)));
      assert.ok((widths[column] ?? 0) >= min && (widths[column] ?? 0) <= max);
    }
  }
});

test("clicks on a title cycle through the sorts of its column", () => {
  assert.deepEqual(titleSort("name", "name"), { next: "name_desc", sign: "▲" });
  assert.deepEqual(titleSort("name", "name_desc"), { next: "name", sign: "▼" });
  assert.deepEqual(titleSort("type", "name"), { next: "type", sign: "" });
  assert.deepEqual(titleSort("type", "type"), { next: "name", sign: "▲" });
  assert.deepEqual(titleSort("verdict", "type"), { next: "verdict", sign: "" });
});

test("a title has no sign while the rows are sorted by another column", () => {
  assert.deepEqual(titleSort("name", "updated"), { next: "name", sign: "" });
  assert.deepEqual(titleSort("type", "verdict"), { next: "type", sign: "" });
});

test("there is no sort by contents", () => {
  assert.equal(titleSort("holds", "name"), null);
});

test("stored widths are read, malformed ones are not", () => {
  const known = ["name", "type"];
  assert.deepEqual(readShares({ name: 60.5, type: 1 }, known), new Map([["name", 60.5], ["type", 1]]));
  const wrong = [{}, { name: 1 }, { name: 1, type: 0 }, { name: 1, type: -1 }, { name: 1, type: NaN }];
  const others = [{ name: 1, type: Infinity }, { name: 1, type: "1" }, { name: 1, type: 1e9 }, { name: 1, x: 3 }];
  for (const value of [null, undefined, 7, [], ["name", "type"], ...wrong, ...others]) {
    assert.equal(readShares(value, known), null);
  }
});
