import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_QUEUE, acknowledge, enqueue } from "#tree/queue.js";
import { numbers, pick } from "./samples.js";

/** @import { Queued } from "#tree/queue.js" */

const VIEW = { view: 1 };
const OTHER_VIEW = { view: 2 };

/**
 * @param {readonly Queued[]} queue
 * @param {number} seq
 * @param {string} type
 * @param {object} owner
 * @returns {Queued[]}
 */
function added(queue, seq, type, owner = VIEW) {
  const result = enqueue(queue, { intent: { seq, type }, owner });
  assert.notEqual(result, null);
  return result ?? [];
}

/** @param {readonly Queued[]} queue */
const shown = (queue) => queue.map((q) => `${q.intent.seq} ${q.intent.type}`);

test("intents keep their order", () => {
  const queue = added(added(added([], 1, "hello"), 2, "expand"), 3, "tick");
  assert.deepEqual(shown(queue), ["1 hello", "2 expand", "3 tick"]);
});

test("enqueue leaves its argument unchanged, so that the model sees a new value", () => {
  const before = added([], 1, "search");
  const after = added(before, 2, "search");
  assert.deepEqual(shown(before), ["1 search"]);
  assert.notEqual(before, after);
});

test("a window replaces the waiting window of its view, not that of another view", () => {
  const queue = added(added(added([], 1, "window"), 2, "window", OTHER_VIEW), 3, "window");
  assert.deepEqual(shown(queue), ["2 window", "3 window"]);
});

test("a window replaces an earlier one across other intents, which stay", () => {
  const queue = added(added(added([], 1, "window"), 2, "tick"), 3, "window");
  assert.deepEqual(shown(queue), ["2 tick", "3 window"]);
});

test("a search replaces a search that it follows, with the windows between", () => {
  let queue = added([], 1, "search");
  queue = added(queue, 2, "window");
  queue = added(queue, 3, "window", OTHER_VIEW);
  queue = added(queue, 4, "search");
  assert.deepEqual(shown(queue), ["4 search"]);
});

test("a search that something else followed stays: ticking all matches depends on it", () => {
  const queue = added(added(added([], 1, "search"), 2, "tick_shown"), 3, "search");
  assert.deepEqual(shown(queue), ["1 search", "2 tick_shown", "3 search"]);
});

test("two ticks of one object both stay", () => {
  assert.deepEqual(shown(added(added([], 1, "tick"), 2, "tick")), ["1 tick", "2 tick"]);
});

test("a full queue refuses an intent, unless it replaces another", () => {
  /** @type {Queued[]} */
  let queue = [];
  for (let seq = 1; seq < MAX_QUEUE; seq += 1) queue = added(queue, seq, "tick");
  queue = added(queue, MAX_QUEUE, "search");
  assert.equal(queue.length, MAX_QUEUE);
  assert.equal(enqueue(queue, { intent: { seq: 99, type: "tick" }, owner: VIEW }), null);
  assert.equal(added(queue, 99, "search").length, MAX_QUEUE);
});

test("acknowledged intents leave the queue, whatever was dropped between", () => {
  const queue = added(added(added([], 2, "expand"), 5, "tick"), 9, "window");
  assert.deepEqual(shown(acknowledge(queue, 0)), ["2 expand", "5 tick", "9 window"]);
  assert.deepEqual(shown(acknowledge(queue, 5)), ["9 window"]);
  assert.deepEqual(shown(acknowledge(queue, 9)), []);
});

test("in any order of intents and answers, no intent that changes state is lost or handled twice", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = numbers(seed);
    /** @type {Queued[]} */
    let queue = [];
    /** @type {number[]} */
    const sent = [];
    /** @type {number[]} */
    const handled = [];
    let ack = 0;
    for (let seq = 1; seq <= 120; seq += 1) {
      const type = pick(random, ["window", "search", "tick", "expand", "find"]);
      const next = enqueue(queue, { intent: { seq, type }, owner: pick(random, [VIEW, OTHER_VIEW]) });
      if (next !== null) {
        queue = next;
        if (type === "tick" || type === "expand" || type === "find") sent.push(seq);
      }
      // The kernel sees the whole queue from time to time, and the page hears of it later or never.
      if (random() < 0.3) {
        for (const { intent } of queue) {
          if (intent.seq <= ack) continue;
          ack = intent.seq;
          if (intent.type !== "window" && intent.type !== "search") handled.push(intent.seq);
        }
        if (random() < 0.7) queue = acknowledge(queue, ack);
      }
      assert.ok(queue.length <= MAX_QUEUE);
      const seqs = queue.map((q) => q.intent.seq);
      assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
    }
    for (const { intent } of acknowledge(queue, ack)) {
      if (intent.type !== "window" && intent.type !== "search") handled.push(intent.seq);
    }
    assert.deepEqual(handled, sent, `seed ${seed}`);
  }
});
