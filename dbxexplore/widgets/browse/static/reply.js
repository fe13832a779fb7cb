// Replies of the kernel: whatever arrives, the page gets values of the expected types.

import { clamp } from "./clamp.js";

/**
 * @typedef {"catalog"|"schema"|"table"|"view"|"notebook"|"notebooks"|"folder"} Kind
 * @typedef {"on"|"off"|"mixed"} Tick
 * @typedef {"in"|"out"|"some"|""} Verdict
 * @typedef {{
 *   id: string, level: number, kind: Kind, name: string, open: boolean | null, tick: Tick, verdict: Verdict,
 *   why: string, why_short: string, type: string, holds: string, holds_short: string, comment: string, warn: string,
 *   pos: number, of: number, parent: number, selected: boolean,
 * }} Row `open` is null for a row that cannot be opened, `parent` is -1 for one without
 * @typedef {{
 *   query: string, show: string, sort: string, ticked: string, found: string, expression: string, read_only: boolean,
 *   has_verdicts: boolean, has_updates: boolean, can_show_changed: boolean, message: string,
 * }} Status
 * @typedef {{
 *   session: string, ack: number, version: number, total: number, start: number, rows: (Row | null)[],
 *   focus: number | null, status: Status,
 * }} Reply
 */

const LONGEST_TEXT = 4000;
const DEEPEST_LEVEL = 60;

/** @type {Status} */
export const NO_STATUS = {
  query: "",
  show: "all",
  sort: "name",
  ticked: "",
  found: "",
  expression: "",
  read_only: false,
  has_verdicts: false,
  has_updates: false,
  can_show_changed: false,
  message: "",
};

/** The fields of a row that may be missing. @type {Omit<Row, "id" | "name" | "open" | "parent">} */
const ROW_DEFAULTS = {
  level: 1,
  kind: "table",
  tick: "off",
  verdict: "",
  why: "",
  why_short: "",
  type: "",
  holds: "",
  holds_short: "",
  comment: "",
  warn: "",
  pos: 1,
  of: 1,
  selected: false,
};
const REPLY_DEFAULTS = { session: "", ack: 0, version: 0, total: 0, start: 0 };

/** @type {Record<string, readonly unknown[]>} */
const CHOICES = {
  kind: ["catalog", "schema", "table", "view", "notebook", "notebooks", "folder"],
  tick: ["on", "off", "mixed"],
  verdict: ["in", "out", "some", ""],
};

/** @param {unknown} value @returns {value is Record<string, unknown>} */
export function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Read a reply of the kernel; malformed values are replaced by harmless ones and reported in `problems`.
 *
 * A row that cannot be read is null, so that the rows after it keep their places.
 *
 * @param {unknown} value
 * @returns {{ reply: Reply | null, problems: string[] }}
 */
export function readReply(value) {
  /** @type {string[]} */
  const problems = [];
  if (!isRecord(value)) return { reply: null, problems: ["the reply is not an object"] };
  if (Object.keys(value).length === 0) return { reply: null, problems };
  const counts = readFields(value, REPLY_DEFAULTS, problems);
  const { total, start } = counts;
  const sent = Array.isArray(value.rows) ? value.rows : [];
  if (sent !== (value.rows ?? sent)) problems.push("rows is not a list");
  const rows = sent.map((row, i) => readRow(row, start + i, problems)).slice(0, Math.max(0, total - start));
  const { focus = null } = value;
  const hasFocus = isCount(focus) && focus < total;
  if (focus !== null && !hasFocus) problems.push("focus is not a row");
  if (!isRecord(value.status ?? {})) problems.push("status is not an object");
  const status = readFields(isRecord(value.status) ? value.status : {}, NO_STATUS, problems);
  return { reply: { ...counts, rows, focus: hasFocus ? focus : null, status }, problems };
}

/** @param {unknown} value @param {number} index @param {string[]} problems @returns {Row | null} */
function readRow(value, index, problems) {
  if (!isRecord(value) || typeof value.id !== "string" || value.id === "" || typeof value.name !== "string") {
    problems.push(`row ${index} has no id or no name`);
    return null;
  }
  const row = readFields(value, ROW_DEFAULTS, problems);
  return {
    ...row,
    id: value.id,
    name: value.name.slice(0, LONGEST_TEXT),
    open: typeof value.open === "boolean" ? value.open : null,
    level: clamp(row.level, 1, DEEPEST_LEVEL),
    pos: Math.max(1, row.pos),
    of: Math.max(1, row.of),
    // A parent is above its child, so that walking up always ends.
    parent: isCount(value.parent) && value.parent < index ? value.parent : -1,
  };
}

/**
 * Return the fields that `defaults` names; a missing or malformed one has its default.
 *
 * @template {Record<string, string | number | boolean>} T
 * @param {Record<string, unknown>} value
 * @param {T} defaults
 * @param {string[]} problems
 * @returns {T}
 */
function readFields(value, defaults, problems) {
  const fields = Object.entries(defaults).map(([name, fallback]) => {
    const field = value[name] ?? fallback;
    const expected = expectation(name, field, fallback);
    if (expected !== "") problems.push(`${name} is not ${expected}`);
    if (expected !== "") return [name, fallback];
    return [name, typeof field === "string" ? field.slice(0, LONGEST_TEXT) : field];
  });
  return /** @type {T} */ (Object.fromEntries(fields));
}

/**
 * Return what a field should have been, "" for one that is as expected.
 *
 * @param {string} name
 * @param {unknown} field
 * @param {string | number | boolean} fallback
 */
function expectation(name, field, fallback) {
  const choices = CHOICES[name];
  if (choices !== undefined) return choices.includes(field) ? "" : "a known value";
  if (typeof fallback === "number") return isCount(field) ? "" : "a count";
  if (typeof field === typeof fallback) return "";
  return typeof fallback === "string" ? "a text" : "a boolean";
}

/** @param {unknown} value @returns {value is number} */
function isCount(value) {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
