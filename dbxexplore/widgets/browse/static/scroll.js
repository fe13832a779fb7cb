// How rows map to scroll positions, and which rows to ask the kernel for.

import { clamp } from "./clamp.js";

/**
 * @typedef {{
 *   total: number, rowHeight: number, viewport: number, content: number, maxScroll: number, maxRow: number,
 *   compressed: boolean,
 * }} Geometry
 */

/** Browsers limit elements to 17 to 33 million pixels; no spacer grows beyond this. */
export const MAX_CONTENT = 8_000_000;
/** The longest window to ask for; the kernel does not answer longer ones. */
export const MAX_WINDOW = 200;

/**
 * Return how rows map to pixels: one to one, or in proportion when all rows together are higher than `MAX_CONTENT`.
 *
 * @param {number} total
 * @param {number} rowHeight
 * @param {number} viewport
 * @returns {Geometry}
 */
export function geometry(total, rowHeight, viewport) {
  const content = Math.max(viewport, Math.min(total * rowHeight, MAX_CONTENT));
  return {
    total,
    rowHeight,
    viewport,
    content,
    maxScroll: content - viewport,
    maxRow: Math.max(0, total - viewport / rowHeight),
    compressed: total * rowHeight > MAX_CONTENT,
  };
}

/**
 * Return the row (with its fraction) at the top of the viewport.
 *
 * @param {number} scrollTop
 * @param {Geometry} g
 */
export function rowAtScroll(scrollTop, g) {
  if (g.maxScroll <= 0 || scrollTop <= 0) return 0;
  // Zoomed pages round the largest scroll position down, and the last row must still be reached.
  if (scrollTop >= g.maxScroll - 1) return g.maxRow;
  return clamp((scrollTop / g.maxScroll) * g.maxRow, 0, g.maxRow);
}

/**
 * Return the scroll position with a row at the top of the viewport.
 *
 * @param {number} row
 * @param {Geometry} g
 */
export function scrollAtRow(row, g) {
  if (g.maxRow <= 0) return 0;
  return (clamp(row, 0, g.maxRow) / g.maxRow) * g.maxScroll;
}

/**
 * Return the top row that brings a row wholly into view, moving as little as possible.
 *
 * @param {number} index
 * @param {number} top
 * @param {Geometry} g
 */
export function topToShow(index, top, g) {
  const rows = g.viewport / g.rowHeight;
  if (index < top || rows <= 1) return clamp(index, 0, g.maxRow);
  if (index + 1 > top + rows) return clamp(index + 1 - rows, 0, g.maxRow);
  return clamp(top, 0, g.maxRow);
}

/**
 * Return how far a wheel event scrolls, in pixels.
 *
 * @param {{ deltaY: number, deltaMode: number }} event
 * @param {number} rowHeight
 * @param {number} viewport
 */
export function wheelPixels(event, rowHeight, viewport) {
  if (event.deltaMode === 1) return event.deltaY * rowHeight;
  if (event.deltaMode === 2) return event.deltaY * viewport;
  return event.deltaY;
}

/**
 * Return the window to ask for, or null when the visible rows and half the overscan around them are loaded.
 *
 * @param {number} first the first visible row
 * @param {number} last the row after the last visible one
 * @param {number} total
 * @param {number} overscan
 * @param {(index: number) => boolean} isFresh
 * @returns {{ start: number, count: number } | null}
 */
export function planWindow(first, last, total, overscan, isFresh) {
  const inRange = (/** @type {number} */ row) => clamp(row, 0, total);
  const near = Math.floor(overscan / 2);
  let isMissing = false;
  for (let row = inRange(first - near); row < inRange(last + near) && !isMissing; row += 1) isMissing = !isFresh(row);
  if (!isMissing) return null;
  let start = inRange(first - overscan);
  let end = inRange(last + overscan);
  while (start < end && isFresh(start)) start += 1;
  while (end > start && isFresh(end - 1)) end -= 1;
  if (end - start > MAX_WINDOW) {
    start = clamp(Math.floor((first + last - MAX_WINDOW) / 2), start, end - MAX_WINDOW);
    end = start + MAX_WINDOW;
  }
  return { start, count: end - start };
}
