import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_CONTENT, MAX_WINDOW, geometry, planWindow } from "#tree/scroll.js";
import { rowAtScroll, scrollAtRow, topToShow, wheelPixels } from "#tree/scroll.js";
import { below, numbers } from "./samples.js";

const ROW = 26;
const TOTALS = [0, 1, 5, 16, 17, 1000, 307_692, 307_693, 1_000_000, 1_001_010, 5_000_000];

test("the content never grows beyond what browsers can scroll", () => {
  for (const total of TOTALS) {
    const g = geometry(total, ROW, 420);
    assert.ok(g.content <= MAX_CONTENT && g.content >= 420);
    assert.equal(g.content, g.maxScroll + 420);
    assert.equal(g.compressed, total * ROW > MAX_CONTENT);
  }
});

test("the first and the last row are reached exactly, whatever the number of rows and the height", () => {
  for (const total of TOTALS) {
    for (const viewport of [26, 100, 419.5, 420, 1200]) {
      const g = geometry(total, ROW, viewport);
      assert.equal(rowAtScroll(0, g), 0);
      assert.equal(rowAtScroll(g.maxScroll, g), g.maxRow);
      assert.equal(g.maxRow, Math.max(0, total - viewport / ROW));
      assert.equal(scrollAtRow(g.maxRow, g), g.maxScroll);
      assert.equal(scrollAtRow(0, g), 0);
      // A zoomed page rounds its largest position down.
      if (g.maxScroll > 1) assert.equal(rowAtScroll(g.maxScroll - 0.7, g), g.maxRow);
    }
  }
});

test("few enough rows scroll pixel by pixel", () => {
  const g = geometry(300_000, ROW, 420);
  for (const scrollTop of [1, 26, 27, 5000, 777_777]) {
    assert.ok(Math.abs(rowAtScroll(scrollTop, g) - scrollTop / ROW) < 1e-9);
    assert.ok(Math.abs(scrollAtRow(scrollTop / ROW, g) - scrollTop) < 1e-6);
  }
});

test("positions and rows map to each other and grow together", () => {
  for (const total of [1_000_000, 5_000_000]) {
    const g = geometry(total, ROW, 420);
    const random = numbers(total);
    let before = -1;
    for (let step = 0; step <= 1000; step += 1) {
      const scrollTop = (step / 1000) * g.maxScroll;
      const row = rowAtScroll(scrollTop, g);
      assert.ok(row > before && row >= 0 && row <= g.maxRow);
      before = row;
      const any = random() * g.maxRow;
      const near = rowAtScroll(scrollAtRow(any, g), g);
      assert.ok(Math.abs(near - any) < 1e-6 || near === g.maxRow);
    }
  }
});

test("positions outside are drawn inside", () => {
  const g = geometry(1_000_000, ROW, 420);
  assert.equal(rowAtScroll(-50, g), 0);
  assert.equal(rowAtScroll(1e12, g), g.maxRow);
  assert.equal(scrollAtRow(-3, g), 0);
  assert.equal(scrollAtRow(1e12, g), g.maxScroll);
});

test("a row is brought wholly into view with the least movement", () => {
  const g = geometry(1_000_000, ROW, 10 * ROW);
  assert.equal(topToShow(5, 0, g), 0);
  assert.equal(topToShow(9, 0, g), 0);
  assert.equal(topToShow(10, 0, g), 1);
  assert.equal(topToShow(4, 4.5, g), 4);
  assert.equal(topToShow(999_999, 3, g), 999_990);
  assert.equal(topToShow(0, 999_990, g), 0);
  for (let seed = 1; seed < 300; seed += 1) {
    const random = numbers(seed);
    const total = 1 + below(random, 5_000_000);
    const h = geometry(total, ROW, 60 + random() * 900);
    const index = below(random, total);
    const top = topToShow(index, random() * h.maxRow, h);
    assert.ok(top <= index + 1e-6 && index + 1 <= top + h.viewport / ROW + 1e-6);
    assert.ok(top >= 0 && top <= h.maxRow);
  }
});

test("a viewport lower than a row shows the row's beginning", () => {
  assert.equal(topToShow(7, 0, geometry(100, ROW, 20)), 7);
});

test("a wheel counts in pixels, lines or pages", () => {
  assert.equal(wheelPixels({ deltaY: 40, deltaMode: 0 }, ROW, 420), 40);
  assert.equal(wheelPixels({ deltaY: -3, deltaMode: 1 }, ROW, 420), -78);
  assert.equal(wheelPixels({ deltaY: 1, deltaMode: 2 }, ROW, 420), 420);
});

test("no window is requested while the rows nearby are loaded", () => {
  assert.equal(planWindow(10, 27, 1_000_000, 70, () => true), null);
  const loaded = (/** @type {number} */ row) => row < 27 + 35;
  assert.equal(planWindow(10, 27, 1_000_000, 70, loaded), null);
  assert.deepEqual(planWindow(11, 28, 1_000_000, 70, loaded), { start: 62, count: 36 });
});

test("a window covers the visible rows and some around them, within the tree", () => {
  assert.deepEqual(planWindow(500, 517, 1_000_000, 70, () => false), { start: 430, count: 157 });
  assert.deepEqual(planWindow(0, 17, 1_000_000, 70, () => false), { start: 0, count: 87 });
  assert.deepEqual(planWindow(999_983, 1_000_000, 1_000_000, 70, () => false), { start: 999_913, count: 87 });
  assert.deepEqual(planWindow(0, 17, 6, 70, () => false), { start: 0, count: 6 });
  assert.equal(planWindow(0, 17, 0, 70, () => false), null);
});

test("a tall view asks for its middle first", () => {
  const wanted = planWindow(1000, 1400, 5000, 70, () => false);
  assert.deepEqual(wanted, { start: 1100, count: MAX_WINDOW });
});

test("repeated requests load all visible rows, however few rows an answer has", () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = numbers(seed);
    const total = 1 + below(random, 3000);
    const first = below(random, total);
    const last = first + 1 + below(random, 60);
    /** @type {Set<number>} */
    const loaded = new Set();
    for (let row = 0; row < total; row += 1) if (random() < 0.3) loaded.add(row);
    let rounds = 0;
    for (;;) {
      const wanted = planWindow(first, last, total, 70, (row) => loaded.has(row));
      if (wanted === null) break;
      assert.ok(wanted.count > 0 && wanted.count <= MAX_WINDOW);
      assert.ok(wanted.start >= 0 && wanted.start + wanted.count <= total);
      assert.ok(!loaded.has(wanted.start), "the window begins with a row that is missing");
      const given = Math.min(wanted.count, 1 + below(random, 40));
      for (let row = wanted.start; row < wanted.start + given; row += 1) loaded.add(row);
      rounds += 1;
      assert.ok(rounds < 300);
    }
    for (let row = first; row < Math.min(last, total); row += 1) assert.ok(loaded.has(row));
  }
});
