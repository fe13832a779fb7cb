// The tooltip: everything about a row whose cells are too narrow, or have no room for it.

import { element, isCut, newId, visibleNodes } from "./dom.js";
import { highlightParts } from "./highlight.js";
import { verdictOf, verdictText } from "./label.js";
import { visibleString } from "./text.js";
import { Timers } from "./timers.js";

/** @import { RowView } from "./row.js" */

export const TOOLTIP_MS = 450;
/** Time to move the pointer from a row to its tooltip. */
const TOOLTIP_GRACE_MS = 160;

export class Tooltip {
  /** @param {HTMLElement} root @param {AbortSignal} signal */
  constructor(root, signal) {
    this.node = element("div", "tooltip", { role: "tooltip", id: newId(), hidden: "" });
    this._root = root;
    /** @type {RowView | null} */
    this.owner = null;
    this._timers = new Timers(signal);
    this.node.addEventListener("pointerenter", () => { if (this.owner) this._timers.stopAll(); });
    this.node.addEventListener("pointerleave", () => this.hideSoon());
  }

  /** @param {RowView} view */
  showSoon(view) {
    if (this.owner === view) {
      this._timers.stopAll();
      return;
    }
    this.hide();
    this._timers.start("tooltip", () => this.show(view), TOOLTIP_MS);
  }

  hideSoon() {
    this._timers.start("tooltip", () => this.hide(), TOOLTIP_GRACE_MS);
  }

  hide() {
    this._timers.stopAll();
    this.owner?.node.removeAttribute("aria-describedby");
    this.owner = null;
    this.node.hidden = true;
  }

  /** @param {RowView} view */
  show(view) {
    this.hide();
    const { row } = view;
    if (!row || !view.node.isConnected) return;
    const isWhole = !view.cells.some(isCut) && row.holds === row.holds_short;
    if (isWhole && row.why === "" && row.warn === "" && row.comment === "") return;
    const name = element("bdi", "tooltip-name", {}, ...visibleNodes(highlightParts(row.name, "")));
    const what = [row.type, row.holds].filter((part) => part !== "" && part !== row.warn).join(" · ");
    const lines = [
      { text: `${verdictOf(row).symbol} ${verdictText(row)}`.trim(), part: "tooltip-why" },
      { text: visibleString(what), part: "tooltip-what" },
      { text: visibleString(row.warn), part: "tooltip-warn" },
      { text: visibleString(row.comment), part: "tooltip-comment" },
    ].filter((line) => line.text !== "");
    this.node.replaceChildren(
      element("div", "tooltip-line", {}, name),
      ...lines.map((line) => element("div", line.part, {}, element("bdi", "", {}, line.text))),
    );
    this.node.hidden = false;
    this.owner = view;
    view.node.setAttribute("aria-describedby", this.node.id);
    this._place(view.node.getBoundingClientRect(), view.verdict.getBoundingClientRect());
  }

  /**
   * Place the tooltip below the row, or above it where there is no room, beside the names and within the widget.
   *
   * @param {DOMRect} row
   * @param {DOMRect} verdict
   */
  _place(row, verdict) {
    const frame = this._root.getBoundingClientRect();
    const { offsetHeight: height, offsetWidth: width } = this.node;
    const below = row.bottom - frame.top + 2;
    const above = row.top - frame.top - height - 2;
    const top = below + height <= frame.height - 4 || above < 0 ? below : above;
    this.node.style.top = `${Math.max(0, Math.min(top, frame.height - height - 4))}px`;
    const wanted = (verdict.width > 0 ? verdict.left : row.left + 48) - frame.left;
    this.node.style.left = `${Math.max(4, Math.min(wanted, frame.width - width - 8))}px`;
  }
}
