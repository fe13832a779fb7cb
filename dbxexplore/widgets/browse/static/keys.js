// What keys and clicks on the tree mean.

import { clamp } from "./clamp.js";

/**
 * @import { Row } from "./reply.js"
 * @typedef {{ key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean }} Key
 * @typedef {{ index: number, total: number, page: number, row: Row | undefined, readOnly: boolean }} KeyContext
 * @typedef {{ type: "move", to: number } | { type: "open", open: boolean } | { type: "tick" }
 *   | { type: "include", on: boolean } | { type: "select", toggle: boolean } | { type: "siblings" } | { type: "type", char: string }
 *   | { type: "escape" } | { type: "none" }} Action
 */

/** Letters typed within this time (ms) form one type-ahead text. */
export const TYPE_AHEAD_MS = 700;

/**
 * Return what a key does in the tree, or null for a key that the tree leaves alone.
 *
 * @param {Key} key
 * @param {KeyContext} context
 * @returns {Action | null}
 */
export function decideKey(key, context) {
  if (key.ctrlKey || key.altKey || key.metaKey) return null;
  if (key.key === "Escape") return { type: "escape" };
  const { index, total, page, row } = context;
  /** @type {(to: number) => Action} */
  const move = (to) => (total === 0 ? { type: "none" } : { type: "move", to: clamp(to, 0, total - 1) });
  switch (key.key) {
    case "ArrowDown":
      return move(index + 1);
    case "ArrowUp":
      return move(index - 1);
    case "Home":
      return move(0);
    case "End":
      return move(total - 1);
    case "PageDown":
      return move(index + Math.max(1, page));
    case "PageUp":
      return move(index - Math.max(1, page));
    case "ArrowRight":
      if (row?.open === false) return { type: "open", open: true };
      return row?.open === true ? move(index + 1) : { type: "none" };
    case "ArrowLeft":
      if (row?.open === true) return { type: "open", open: false };
      return row !== undefined && row.parent >= 0 ? move(row.parent) : { type: "none" };
    case " ":
      return row === undefined || context.readOnly ? { type: "none" } : { type: "tick" };
    case "Enter":
      return row === undefined ? { type: "none" } : { type: "select", toggle: row.open !== null };
    case "+":
    case "-":
      return row === undefined || context.readOnly ? { type: "none" } : { type: "include", on: key.key === "+" };
    case "*":
      return row === undefined ? { type: "none" } : { type: "siblings" };
    default:
      return Array.from(key.key).length === 1 ? { type: "type", char: key.key } : null;
  }
}

/**
 * Return the type-ahead text after a letter, and the row where the search for it starts.
 *
 * One letter, typed once or repeatedly, moves from row to row; a longer text may stay on the same row.
 *
 * @param {{ text: string, at: number }} before
 * @param {string} char
 * @param {number} now in ms
 * @param {number} index the focused row
 * @returns {{ text: string, typed: string, from: number }}
 */
export function typeAhead(before, char, now, index) {
  const typed = now - before.at <= TYPE_AHEAD_MS ? before.text + char : char;
  const isOneLetter = Array.from(typed).every((letter) => letter.toLowerCase() === char.toLowerCase());
  return isOneLetter ? { text: char, typed, from: index + 1 } : { text: typed, typed, from: index };
}

/**
 * Return the next row at or after `from`, wrapping, whose name starts with `text`.
 *
 * @param {string} text
 * @param {number} from
 * @param {number} total
 * @param {(index: number) => string | undefined} nameAt the name of a loaded row
 * @returns {number | null} -1 when no row matches, null when it depends on rows that are not loaded
 */
export function findAmongLoaded(text, from, total, nameAt) {
  const start = text.toLowerCase();
  for (let step = 0; step < total; step += 1) {
    const index = (from + step) % total;
    const name = nameAt(index);
    if (name === undefined) return null;
    if (name.toLowerCase().startsWith(start)) return index;
  }
  return -1;
}

/**
 * Return whether a click is meant for the row that got it: rows may have moved since the button went down.
 *
 * @param {string} pressed the row that was under the pointer at that time
 * @param {string} clicked
 * @param {number} clicks of the event; 0 for a click without a pointer
 */
export function isMeantFor(pressed, clicked, clicks) {
  return clicks === 0 || pressed === clicked;
}
