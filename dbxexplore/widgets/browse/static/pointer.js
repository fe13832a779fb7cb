// The pointer on the rows: clicks count only for the row that was pressed.

import { isMeantFor } from "./keys.js";

/**
 * @import { Row } from "./reply.js"
 * @import { Rows } from "./rows.js"
 * @import { Tooltip } from "./tooltip.js"
 */

export class Pointer {
  /**
   * @param {Rows} rows
   * @param {Tooltip} tooltip
   * @param {(row: Row, index: number, part: "twisty" | "tick" | "row" | "double") => void} onClick
   * @param {AbortSignal} signal
   */
  constructor(rows, tooltip, onClick, signal) {
    /** The row under the pointer when the button went down, and that of the first of two clicks. */
    this._pressed = "";
    this._clicked = "";
    this._rows = rows;
    this._onRow = onClick;
    const on = { signal };
    rows.node.addEventListener("pointerdown", (event) => { this._pressed = rows.viewOf(event)?.row?.id ?? ""; }, on);
    rows.node.addEventListener("click", (event) => this._onClick(event), on);
    rows.node.addEventListener("dblclick", (event) => this._onDoubleClick(event), on);
    rows.node.addEventListener("pointerover", (event) => {
      const view = event.pointerType === "touch" ? undefined : rows.viewOf(event);
      if (view) tooltip.showSoon(view);
    }, on);
    rows.node.addEventListener("pointerleave", () => tooltip.hideSoon(), on);
  }

  /** @param {MouseEvent} event */
  _onClick(event) {
    const { row, index = 0 } = this._rows.viewOf(event) ?? {};
    if (!row) return;
    const isMeant = isMeantFor(this._pressed, row.id, event.detail);
    if (event.detail <= 1 || !isMeant) this._clicked = isMeant ? row.id : "";
    if (isMeant) this._onRow(row, index, partOf(event));
  }

  /** @param {MouseEvent} event */
  _onDoubleClick(event) {
    const { row, index = 0 } = this._rows.viewOf(event) ?? {};
    if (row && row.id === this._clicked && partOf(event) === "row") this._onRow(row, index, "double");
  }
}

/** @param {Event} event */
function partOf(event) {
  const part = event.target instanceof Element ? event.target.closest("[data-part]")?.getAttribute("data-part") : "";
  return part === "twisty" || part === "tick" ? part : "row";
}
