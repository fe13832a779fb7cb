// The header: titles that sort, and borders that set the widths of the columns.

import { borderRange, fitColumns, moveBorder, readShares, titleSort } from "./columns.js";
import { element, setAttribute, setText } from "./dom.js";
import { SORTS } from "./toolbar.js";

const COLUMNS = [
  { key: "name", title: "Name", share: 38, least: 150 },
  { key: "verdict", title: "Verdict", share: 28, least: 60 },
  { key: "type", title: "Type", share: 13, least: 60 },
  { key: "holds", title: "Contents", share: 21, least: 60 },
];
const COLUMN_KEYS = COLUMNS.map((column) => column.key);
/** Below this width only the name and the verdict are shown; below the next, the verdict is only its symbol. */
const NARROW = 520;
const TIGHT = 420;
/** Pixels that an arrow key moves a border by. */
const STEP = 16;

export class Header {
  /**
   * @param {HTMLElement} root gets the widths as a variable that header and rows lay their columns out by
   * @param {{ onSort: (by: string) => void, onWidths: (shares: Record<string, number>) => void }} tree
   * @param {AbortSignal} signal
   */
  constructor(root, tree, signal) {
    this.node = element("div", "header", { role: "group", "aria-label": "Columns" });
    this._root = root;
    this._tree = tree;
    this._signal = signal;
    this._sort = "name";
    this._columns = COLUMNS;
    /** @type {Map<string, number>} */
    this._shares = new Map(COLUMNS.map((column) => [column.key, column.share]));
    this._isDragged = false;
    /** @type {number[]} */
    this._widths = [];
    /** @type {HTMLElement[]} */
    this._borders = [];
    /** By the key of the column. @type {Map<string, HTMLButtonElement>} */
    this._titles = new Map();
  }

  /** @param {string} sort */
  showSort(sort) {
    this._sort = sort;
    for (const { key, title } of this._columns) {
      const sign = titleSort(key, sort)?.sign ?? "";
      const button = this._titles.get(key);
      if (!button) continue;
      setText(button, `${title} ${sign}`.trim());
      const now = sign === "" ? "" : `, now ${SORTS.find((choice) => choice.value === sort)?.text}`;
      setAttribute(button, "aria-label", `Sort by ${title}${now}`);
    }
  }

  /** @param {number} width of the rows, without the scrollbar @param {boolean} hasVerdicts */
  layOut(width, hasVerdicts) {
    const isNarrow = width < NARROW;
    const keys = isNarrow ? ["name", "verdict"] : COLUMN_KEYS;
    const columns = COLUMNS.filter((c) => keys.includes(c.key) && (hasVerdicts || c.key !== "verdict"));
    if (columns.map((c) => c.key).join() !== this._columns.map((c) => c.key).join() || this._borders.length === 0) {
      this._columns = columns;
      this._build(isNarrow);
    }
    this._root.classList.toggle("dbxe-tree-narrow", isNarrow);
    this._root.classList.toggle("dbxe-tree-no-verdicts", !hasVerdicts);
    this._root.classList.toggle("dbxe-tree-tight", width < TIGHT);
    const verdict = hasVerdicts ? ` ${width < TIGHT ? "76px" : "140px"}` : "";
    if (isNarrow) this._root.style.setProperty("--dbxe-tree-columns", `minmax(0, 1fr)${verdict}`);
    else this._setWidths(fitColumns(columns.map((c) => this._shares.get(c.key) ?? c.share), this._least(), width));
  }

  /** @param {unknown} value stored shares, of this view or another one */
  takeShares(value) {
    const shares = readShares(value, COLUMN_KEYS);
    if (shares && !this._isDragged) this._shares = shares;
  }

  _least() {
    return this._columns.map((column) => column.least);
  }

  /** @param {boolean} isNarrow */
  _build(isNarrow) {
    this._borders = [];
    this._titles.clear();
    const cells = this._columns.map(({ key, title }, i) => {
      const cell = element("span", "head", { "data-column": key }, this._title(key, title));
      if (isNarrow || i === this._columns.length - 1) return cell;
      const border = element("span", "border", {
        role: "separator",
        tabindex: "0",
        "aria-orientation": "vertical",
        "aria-label": `Width of ${title}`,
      });
      this._borders.push(border);
      this._listen(border, i);
      cell.append(border);
      return cell;
    });
    this.node.replaceChildren(...cells);
    this.showSort(this._sort);
  }

  /** @param {string} key @param {string} title */
  _title(key, title) {
    if (!titleSort(key, this._sort)) return element("span", "title", {}, title);
    const button = element("button", "title", { type: "button" });
    const sort = () => this._tree.onSort(titleSort(key, this._sort)?.next ?? "name");
    button.addEventListener("click", sort, { signal: this._signal });
    this._titles.set(key, button);
    return button;
  }

  /** @param {HTMLElement} border @param {number} column */
  _listen(border, column) {
    const on = { signal: this._signal };
    /** @type {{ x: number, widths: number[] } | null} */
    let grip = null;
    const move = (/** @type {number[]} */ widths, /** @type {number} */ delta) =>
      this._keepWidths(moveBorder(widths, this._least(), column, delta));
    border.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      grip = { x: event.clientX, widths: this._widths };
      this._isDragged = true;
      border.setPointerCapture(event.pointerId);
      event.preventDefault();
      border.focus();
    }, on);
    border.addEventListener("pointermove", (event) => {
      if (grip) move(grip.widths, Math.round(event.clientX - grip.x));
    }, on);
    const release = () => {
      if (grip && grip.widths !== this._widths) this._reportShares();
      grip = null;
      this._isDragged = false;
    };
    border.addEventListener("pointerup", release, on);
    border.addEventListener("pointercancel", release, on);
    border.addEventListener("dblclick", () => {
      move(this._widths, this._neededWidth(column) - (this._widths[column] ?? 0));
      this._reportShares();
    }, on);
    border.addEventListener("keydown", (event) => {
      const range = borderRange(this._widths, this._least(), column);
      const deltas = { ArrowLeft: -STEP, ArrowRight: STEP, Home: range.min - range.now, End: range.max - range.now };
      const delta = deltas[/** @type {keyof typeof deltas} */ (event.key)];
      if (delta === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      move(this._widths, delta);
      this._reportShares();
    }, on);
  }

  /**
   * Return the width that the title of a column, and the drawn rows, need.
   *
   * @param {number} column
   */
  _neededWidth(column) {
    const key = this._columns[column]?.key;
    this._root.classList.add("dbxe-tree-measured");
    const cells = this._root.querySelectorAll(`[data-column="${key}"], .dbxe-tree-row .dbxe-tree-${key}`);
    const widths = Array.from(cells, (cell) => cell.getBoundingClientRect().width);
    this._root.classList.remove("dbxe-tree-measured");
    return Math.ceil(Math.max(0, ...widths));
  }

  _reportShares() {
    this._tree.onWidths(Object.fromEntries(this._shares));
  }

  /** @param {number[]} widths that the user has chosen */
  _keepWidths(widths) {
    const all = widths.reduce((a, b) => a + b, 0) || 1;
    const shares = this._columns.reduce((sum, c) => sum + (this._shares.get(c.key) ?? 0), 0);
    // Hidden columns keep their share.
    this._shares = new Map(this._shares);
    this._columns.forEach((column, i) => this._shares.set(column.key, ((widths[i] ?? 0) / all) * shares));
    this._setWidths(widths);
  }

  /** @param {number[]} widths */
  _setWidths(widths) {
    this._widths = widths;
    this._root.style.setProperty("--dbxe-tree-columns", widths.map((width) => `${width}px`).join(" "));
    this._borders.forEach((border, column) => {
      const range = borderRange(widths, this._least(), column);
      setAttribute(border, "aria-valuenow", String(range.now));
      setAttribute(border, "aria-valuemin", String(range.min));
      setAttribute(border, "aria-valuemax", String(range.max));
    });
  }
}
