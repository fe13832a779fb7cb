// One row of the tree as an element that is filled with one row after another.

import { element, outline, setAttribute, setText, showName } from "./dom.js";
import { rowLabel, shortComment, shortType, verdictOf } from "./label.js";
import { visibleString } from "./text.js";

/** @import { Row } from "./reply.js" */

const FOLDER =
  "M2 4.2c0-.4.3-.7.7-.7h3.6l1.5 1.7h5.5c.4 0 .7.3.7.7v6.4c0 .4-.3.7-.7.7H2.7a.7.7 0 0 1-.7-.7z";
/** @type {Record<string, string>} */
const ICONS = {
  catalog: "M3 2.5h8.5A1.5 1.5 0 0 1 13 4v9.5H4.5A1.5 1.5 0 0 1 3 12zM3 12a1.5 1.5 0 0 1 1.5-1.5H13M6 5h4",
  schema:
    "M2.5 4.2c0-1 2.5-1.7 5.5-1.7s5.5.7 5.5 1.7v7.6c0 1-2.5 1.7-5.5 1.7s-5.5-.7-5.5-1.7z" +
    "M2.5 4.2c0 1 2.5 1.7 5.5 1.7s5.5-.7 5.5-1.7M2.5 8c0 1 2.5 1.7 5.5 1.7s5.5-.7 5.5-1.7",
  table: "M2.5 3h11v10h-11zM2.5 6.2h11M2.5 9.6h11M6.5 6.2V13",
  view:
    "M1.5 8c1.6-2.8 3.8-4.2 6.5-4.2s4.9 1.4 6.5 4.2c-1.6 2.8-3.8 4.2-6.5 4.2s-4.9-1.4-6.5-4.2z" +
    "M10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  notebook: "M4 2.5h8.5v11H4zM6.2 2.5v11M2.8 5H4M2.8 8H4M2.8 11H4M8.3 5.5h2.2",
  notebooks: FOLDER,
  folder: FOLDER,
};
const CHEVRON = "M6 4l4 4-4 4";
const TICK_MARKS = { on: "M4 8.3 6.7 11 12 5.4", mixed: "M4.500 8h7", off: "" };
const CHECKED = { on: "true", off: "false", mixed: "mixed" };
const STATE_ATTRIBUTES = ["aria-posinset", "aria-setsize", "aria-expanded", "aria-checked", "aria-selected"];

export class RowView {
  /** @param {string} id */
  constructor(id) {
    this.index = -1;
    /** @type {Row | undefined} */
    this.row = undefined;
    this._drawn = "";
    this._y = -1;
    const mark = outline("tickmark");
    const icon = outline("icon");
    this._mark = mark.path;
    this._icon = icon.path;
    this.text = element("bdi", "text");
    this._name = element(
      "span",
      "cell dbxe-tree-name",
      {},
      element("span", "twisty", { "data-part": "twisty" }, outline("chevron", CHEVRON).svg),
      element("span", "tick", { "data-part": "tick" }, mark.svg),
      icon.svg,
      this.text,
      element("span", "warn", {}, "⚠"),
    );
    this._flip = element("span", "flip", { "data-part": "flip" });
    this._symbol = element("span", "verdict-symbol");
    this._word = element("span", "verdict-word");
    this._why = element("bdi", "why");
    this.verdict = element("span", "cell dbxe-tree-verdict", {}, this._symbol, " ", this._word, " ", this._why, this._flip);
    this._type = element("span", "cell dbxe-tree-type");
    this._holds = element("bdi", "holds-text");
    this._comment = element("bdi", "comment");
    const holds = element("span", "cell dbxe-tree-holds", {}, this._holds, " ", this._comment);
    /** The elements that may be too narrow for their text. */
    this.cells = [this.text, this.verdict, this._type, holds];
    // The grid does not show the spaces, but who reads the row as text needs them between its cells.
    const attributes = { role: "treeitem", id };
    this.node = element("div", "row", attributes, this._name, " ", this.verdict, " ", this._type, " ", holds);
  }

  /** @param {number} index @param {number} y pixels from the top of the layer */
  place(index, y) {
    this.index = index;
    if (y === this._y) return;
    this._y = y;
    this.node.style.transform = `translateY(${y}px)`;
  }

  /**
   * Show a row, or a placeholder for one that is not loaded.
   *
   * @param {Row | undefined} row
   * @param {{ query: string, readOnly: boolean, isActive: boolean }} how
   */
  draw(row, { query, readOnly, isActive }) {
    const drawn = `${query}\n${readOnly}`;
    if (row === undefined || row !== this.row || drawn !== this._drawn) {
      this._drawn = drawn;
      this.row = row;
      if (row) this._fill(row, query, readOnly);
      else this._empty();
    }
    this.node.classList.toggle("dbxe-tree-active", isActive);
  }

  _empty() {
    const { node } = this;
    node.className = "dbxe-tree-row dbxe-tree-missing";
    setAttribute(node, "aria-label", "Loading");
    setAttribute(node, "aria-level", "1");
    for (const name of STATE_ATTRIBUTES) node.removeAttribute(name);
    this._name.style.setProperty("--dbxe-tree-level", "0");
    this.text.classList.remove("dbxe-tree-path");
    setText(this.text, "…");
    for (const part of [this._symbol, this._word, this._why, this._flip, this._type, this._holds, this._comment]) setText(part, "");
  }

  /** @param {Row} row @param {string} query @param {boolean} readOnly */
  _fill(row, query, readOnly) {
    const { node } = this;
    node.className = "dbxe-tree-row";
    node.classList.toggle("dbxe-tree-leaf", row.open === null);
    node.classList.toggle("dbxe-tree-open", row.open === true);
    node.classList.toggle("dbxe-tree-excluded", row.verdict === "out");
    node.classList.toggle("dbxe-tree-selected", row.selected);
    node.classList.toggle("dbxe-tree-warned", row.warn !== "");
    const attributes = {
      "data-verdict": row.verdict || null,
      "data-tick": row.tick,
      "aria-label": rowLabel(row),
      "aria-level": String(row.level),
      "aria-posinset": String(row.pos),
      "aria-setsize": String(row.of),
      "aria-expanded": row.open === null ? null : String(row.open),
      "aria-selected": String(row.selected),
      "aria-checked": readOnly ? null : CHECKED[row.tick],
    };
    for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
    this._name.style.setProperty("--dbxe-tree-level", String(row.level - 1));
    setAttribute(this._mark, "d", TICK_MARKS[row.tick]);
    setAttribute(this._icon, "d", ICONS[row.kind] ?? "");
    showName(this.text, row, query);
    const { symbol, word } = verdictOf(row);
    setText(this._symbol, symbol);
    setText(this._word, word);
    setText(this._flip, readOnly || row.verdict === "" ? "" : row.verdict === "out" ? "include" : "exclude");
    setText(this._why, visibleString(row.why_short || row.why));
    setText(this._type, visibleString(shortType(row)));
    setText(this._holds, visibleString(row.holds_short || row.holds));
    setText(this._comment, shortComment(row.comment));
  }
}
