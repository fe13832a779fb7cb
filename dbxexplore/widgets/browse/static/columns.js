// Widths of the columns, and sorting by their titles.

import { clamp } from "./clamp.js";
import { isRecord } from "./reply.js";

/** A bound on stored widths: no column is wider, and sums of such numbers are exact. */
const LARGEST_SHARE = 10_000;

/**
 * Return stored shares of the width, by the key of the column; null for a malformed value.
 *
 * @param {unknown} value
 * @param {readonly string[]} known the keys of the columns
 * @returns {Map<string, number> | null}
 */
export function readShares(value, known) {
  if (!isRecord(value)) return null;
  const shares = new Map(Object.entries(value));
  /** @type {(share: unknown) => boolean} */
  const isShare = (share) => typeof share === "number" && share > 0 && share <= LARGEST_SHARE;
  const isSound = shares.size === known.length && known.every((key) => isShare(shares.get(key)));
  return isSound ? /** @type {Map<string, number>} */ (shares) : null;
}

/**
 * Return widths of columns in whole pixels that fill `width`, in the proportions of `shares`.
 *
 * @param {readonly number[]} shares
 * @param {readonly number[]} least the minimum width of each column
 * @param {number} width
 * @returns {number[]}
 */
export function fitColumns(shares, least, width) {
  const sum = shares.reduce((a, b) => a + b, 0) || 1;
  const widths = shares.map((share, i) => Math.max(least[i] ?? 0, Math.floor((share / sum) * width)));
  // The widest columns take or give what is left first; none goes below its minimum.
  let rest = Math.floor(width) - widths.reduce((a, b) => a + b, 0);
  const order = widths.map((_, i) => i).sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0));
  for (const i of order) {
    const before = widths[i] ?? 0;
    const after = Math.max(least[i] ?? 0, before + rest);
    widths[i] = after;
    rest -= after - before;
  }
  return widths;
}

/**
 * Return the widths after the border to the right of a column moved; its neighbour gives or takes the room.
 *
 * @param {readonly number[]} widths
 * @param {readonly number[]} least
 * @param {number} column
 * @param {number} delta in pixels
 * @returns {number[]}
 */
export function moveBorder(widths, least, column, delta) {
  const moved = [...widths];
  const range = borderRange(widths, least, column);
  const width = clamp(range.now + delta, range.min, range.max);
  moved[column] = width;
  moved[column + 1] = (widths[column + 1] ?? 0) - (width - range.now);
  return moved;
}

/**
 * Return the minimum, current and maximum width of a column whose right border moves.
 *
 * @param {readonly number[]} widths
 * @param {readonly number[]} least
 * @param {number} column
 */
export function borderRange(widths, least, column) {
  const now = widths[column] ?? 0;
  const spare = (widths[column + 1] ?? 0) - (least[column + 1] ?? 0);
  const min = Math.min(now, least[column] ?? 0);
  return { min, now, max: Math.max(now, now + spare) };
}

/** What each click on a column's title sorts by in turn, and the sign in the title for it. */
const TITLE_SORTS = new Map([
  ["name", [{ by: "name", sign: "▲" }, { by: "name_desc", sign: "▼" }]],
  ["verdict", [{ by: "verdict", sign: "▲" }, { by: "name", sign: "" }]],
  ["type", [{ by: "type", sign: "▲" }, { by: "name", sign: "" }]],
]);

/**
 * Return what a click on a column's title sorts by next and the title's sign now; null for a column without sorting.
 *
 * @param {string} column
 * @param {string} sort the current sort
 * @returns {{ next: string, sign: string } | null}
 */
export function titleSort(column, sort) {
  const turns = TITLE_SORTS.get(column);
  if (!turns) return null;
  const now = turns.findIndex((turn) => turn.by === sort);
  return { next: turns[(now + 1) % turns.length]?.by ?? "name", sign: turns[now]?.sign ?? "" };
}
