// Rows, replies and reproducible random choices for the tests.

/** @import { Row } from "#tree/reply.js" */

/**
 * Numbers that look random and are the same in every run (mulberry32).
 *
 * @param {number} seed
 * @returns {() => number} gives numbers from 0 to less than 1
 */
export function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * @param {() => number} random
 * @param {number} limit
 */
export function below(random, limit) {
  return Math.floor(random() * limit);
}

/**
 * @template T
 * @param {() => number} random
 * @param {readonly T[]} choices
 * @returns {T}
 */
export function pick(random, choices) {
  const chosen = choices[below(random, choices.length)];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
}

/**
 * @param {Partial<Row>} [change]
 * @returns {Row}
 */
export function sampleRow(change = {}) {
  return {
    id: "main.sales.orders",
    level: 3,
    kind: "table",
    name: "orders",
    open: null,
    tick: "off",
    verdict: "in",
    why: "no pattern denies it",
    why_short: "not denied",
    type: "MANAGED",
    holds: "12 columns",
    holds_short: "12",
    comment: "",
    warn: "",
    pos: 1,
    of: 3,
    parent: 1,
    selected: false,
    ...change,
  };
}

/** @param {Record<string, unknown>} [change] */
export function sampleReply(change = {}) {
  return {
    session: "a",
    ack: 3,
    version: 7,
    total: 5,
    start: 2,
    rows: [sampleRow(), sampleRow({ id: "2", parent: 0 })],
    focus: null,
    status: {
      query: "ord",
      show: "included",
      sort: "type",
      ticked: "3 tables",
      found: "2 of 5 objects match",
      expression: "2 tables",
      read_only: true,
      has_verdicts: true,
      has_updates: true,
      can_show_changed: true,
      message: "",
    },
    ...change,
  };
}
