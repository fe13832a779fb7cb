// The pointer on the rows: clicks count only for the row that was pressed.

import { isMeantFor } from "./keys.js";

/**
 * @import { Row } from "./reply.js"
 * @import { Rows } from "./rows.js"
 * @import { Tooltip } from "./tooltip.js"
 */

/**
 * @param {Rows} rows
 * @param {Tooltip} tooltip
 * @param {(row: Row, index: number, part: "twisty" | "tick" | "flip" | "row" | "double") => void} onClick
 * @param {AbortSignal} signal
 */
export function listenToPointer(rows, tooltip, onClick, signal) {
  const on = { signal };
  /** The row under the pointer when the button went down, and that of the first of two clicks. */
  let pressed = "";
  let clicked = "";
  rows.node.addEventListener("pointerdown", (event) => { pressed = rows.viewOf(event)?.row?.id ?? ""; }, on);
  rows.node.addEventListener("click", (event) => {
    const { row, index = 0 } = rows.viewOf(event) ?? {};
    if (!row) return;
    const isMeant = isMeantFor(pressed, row.id, event.detail);
    if (event.detail <= 1 || !isMeant) clicked = isMeant ? row.id : "";
    if (isMeant) onClick(row, index, partOf(event));
  }, on);
  rows.node.addEventListener("dblclick", (event) => {
    const { row, index = 0 } = rows.viewOf(event) ?? {};
    if (row && row.id === clicked && partOf(event) === "row") onClick(row, index, "double");
  }, on);
  rows.node.addEventListener("pointerover", (event) => {
    const view = event.pointerType === "touch" ? undefined : rows.viewOf(event);
    if (view) tooltip.showSoon(view);
  }, on);
  rows.node.addEventListener("pointerleave", () => tooltip.hideSoon(), on);
}

/** @param {Event} event */
function partOf(event) {
  const part = event.target instanceof Element ? event.target.closest("[data-part]")?.getAttribute("data-part") : "";
  return part === "twisty" || part === "tick" || part === "flip" ? part : "row";
}
