// A view of the tree: its parts, what is done in them, and what the kernel answers.

import { listenToCopyButtons } from "./copy.js";
import { element, setText } from "./dom.js";
import { listenToFields } from "./fields.js";
import { Header } from "./header.js";
import { Keyboard } from "./keyboard.js";
import { listenToPointer } from "./pointer.js";
import { Rows } from "./rows.js";
import { SearchField } from "./search.js";
import { storeOf } from "./store.js";
import { visibleString } from "./text.js";
import { Toolbar } from "./toolbar.js";
import { Tooltip } from "./tooltip.js";
import { Workbench } from "./workbench.js";

/**
 * @import { Action } from "./keys.js"
 * @import { Reply, Row } from "./reply.js"
 * @import { Model } from "./store.js"
 */

const LEAST_WIDTH_CHANGE = 16;
const SILENCE =
  "The kernel is not responding. If it is busy, this continues by itself; if it was restarted, run this cell again.";

export class View {
  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this._model = model;
    this._stop = new AbortController();
    const { signal } = this._stop;
    this._store = storeOf(model);
    /** The intent that shows other rows: after its answer the view goes to the first row. */
    this._topSeq = 0;
    /** @type {[string, () => void][]} */
    this._observed = [
      ["change:reply", () => this._store.receive(model.get("reply"))],
      ["change:height", () => this._measure()],
      ["change:panes", () => this._workbench.takeSizes(model.get("panes"))],
      ["change:columns", () => { this._header.takeShares(model.get("columns")); this._layOutColumns(); }],
    ];

    this._root = element("div", "");
    this._root.className = "dbxe-tree";
    this._banner = element("div", "banner", { role: "status" });
    this._message = element("div", "message", { hidden: "" });
    this._tooltip = new Tooltip(this._root, signal);
    this._rows = new Rows(this, this._store, this._tooltip, signal);
    const search = (/** @type {string} */ text) => this._change("search", { text }, true);
    this._search = new SearchField(this._store, search, () => this._rows.node.focus(), signal);
    this._tools = new Toolbar(this._search, (...what) => this._change(...what), signal);
    const onSort = (/** @type {string} */ by) => this._change("sort", { by }, true);
    const onWidths = (/** @type {Record<string, number>} */ shares) => this._save("columns", shares);
    this._header = new Header(this._root, { onSort, onWidths }, signal);
    this._header.takeShares(model.get("columns"));
    const tree = {
      act: (/** @type {Action} */ action) => this._act(action),
      find: (/** @type {string} */ text, /** @type {number} */ from) => this._find(text, from),
      onEscape: () => { if (!this._search.isEmpty) this._search.clear(); },
    };
    this._keyboard = new Keyboard(this._rows, this._store, this._tooltip, tree, signal);
    listenToPointer(this._rows, this._tooltip, (row, index, part) => this._onClick(row, index, part), signal);
    listenToCopyButtons(() => this._around(), signal);
    listenToFields(() => this._around(), () => this._store.send(this, "finish"), signal);
    this._workbench = new Workbench(this._root, () => this._around(), (sizes) => this._save("panes", sizes), signal);
    this._workbench.takeSizes(model.get("panes"));
    const body = element("div", "body", {}, this._rows.node, this._message);
    this._root.append(this._banner, ...this._tools.nodes, this._header.node, body, this._tooltip.node);
    el.replaceChildren(this._root);

    window.addEventListener("keydown", (event) => this._keepFromNotebook(event), { signal, capture: true });
    this._root.addEventListener("scroll", (event) => this._scrollBack(event.target), { signal, capture: true });
    for (const [name, callback] of this._observed) model.on(name, callback);
    this._store.join(this, model);
    this._showStatus();
    this._measure();
    this._observer = new ResizeObserver(() => this._measure());
    this._observer.observe(this._rows.node);
  }

  remove() {
    this._stop.abort();
    this._observer.disconnect();
    for (const [name, callback] of this._observed) this._model.off(name, callback);
    this._store.leave(this);
    this._root.remove();
  }

  get top() {
    return this._rows.top;
  }

  // -- what the kernel answers

  /** @param {Reply} reply @param {boolean} mayFocus */
  onReply(reply, mayFocus) {
    const ack = reply.session === this._store.session ? reply.ack : -1;
    this._rows.onAcknowledged(ack);
    const goesToTop = this._topSeq > 0 && ack >= this._topSeq;
    if (goesToTop) this._topSeq = 0;
    this._rows.resize();
    if (reply.focus !== null && mayFocus) this._rows.moveTo(reply.focus);
    else if (goesToTop) this._rows.moveTo(0);
    else this._rows.follow(reply);
    this._showStatus();
    this._rows.paintSoon();
    this._keyboard.play();
  }

  onSilence() {
    this._keyboard.forget();
    this._showStatus();
  }

  _showStatus() {
    const { status, total, isSilent, hasRows } = this._store;
    this._root.classList.toggle("dbxe-tree-read-only", status.read_only);
    setText(this._banner, isSilent ? SILENCE : "");
    this._tools.showStatus(this._store);
    if (!this._store.isWaitingFor("sort")) this._header.showSort(status.sort);
    this._search.showQuery(status.query);
    const nothing = status.query === "" && status.show === "all" ? "No objects" : "No matches";
    setText(this._message, visibleString(status.message || (hasRows ? nothing : "Loading…")));
    this._message.hidden = total > 0;
    this._layOutColumns();
  }

  // -- sizes, and the notebook around

  _measure() {
    this._workbench.measure();
    this._reportWidth();
    this._rows.setHeight(this._model.get("height"));
    this._layOutColumns();
  }

  _layOutColumns() {
    const { clientWidth: width, offsetWidth } = this._rows.node;
    if (width === 0) return;
    this._header.node.style.paddingInlineEnd = `${offsetWidth - width}px`;
    this._header.layOut(width, this._store.status.has_verdicts);
  }

  /** @param {string} trait @param {unknown} value */
  _save(trait, value) {
    this._model.set(trait, value);
    this._model.save_changes();
  }

  /** Report to the kernel how wide the Explorer is: parts of it that Python draws cannot measure it. */
  _reportWidth() {
    const width = Math.round(this._around().clientWidth);
    const known = this._model.get("page_width");
    const isKnown = typeof known === "number" && Math.abs(known - width) < LEAST_WIDTH_CHANGE;
    if (width > 0 && !isKnown) this._save("page_width", width);
  }

  /** Return the Explorer, or this tree where it is shown by itself. */
  _around() {
    /** @type {Element} */
    let around = this._root;
    for (let next = around.closest(".dbxe"); next; next = next.parentElement?.closest(".dbxe") ?? null) around = next;
    return around;
  }

  /**
   * JupyterLab takes arrows and letters for its own shortcuts unless the focused element has this attribute; in the
   * whole Explorer they are for what is focused. Shortcuts with Ctrl, and running the cell, stay the notebook's.
   *
   * @param {KeyboardEvent} event
   */
  _keepFromNotebook(event) {
    const { target } = event;
    if (!(target instanceof Element) || !this._around().contains(target)) return;
    const isNotebooks = event.ctrlKey || event.metaKey || (event.shiftKey && event.key === "Enter");
    target.toggleAttribute("data-lm-suppress-shortcuts", !isNotebooks);
  }

  /**
   * Only the rows scroll: bringing a row into view also scrolls boxes that merely clip their content, and nobody could
   * scroll those back.
   *
   * @param {EventTarget | null} target
   */
  _scrollBack(target) {
    if (!(target instanceof HTMLElement) || target.matches("input, select, .dbxe-tree-scroller")) return;
    target.scrollTop = 0;
    target.scrollLeft = 0;
  }

  // -- what is done

  /** @param {Action} action */
  _act(action) {
    const { index, activeRow: row } = this._rows;
    if (action.type === "move") this._rows.moveTo(action.to);
    else if (row && action.type === "open") this._open(row, index, action.open);
    else if (row && action.type === "tick") this._tick(row, index);
    else if (row && action.type === "include") this._include(row, action.on);
    else if (row && action.type === "siblings") this._openSiblings(row);
    else if (row && action.type === "select") {
      this._select(row);
      if (action.toggle) this._open(row, index, row.open !== true);
    }
  }

  /** @param {Row} row @param {number} index @param {"twisty" | "tick" | "flip" | "row" | "double"} part */
  _onClick(row, index, part) {
    if (part !== "double") this._rows.activate(index);
    if (part === "double" || (part === "twisty" && row.open !== null)) this._open(row, index, row.open !== true);
    else if (part === "tick") this._tick(row, index);
    else if (part === "flip") this._include(row, row.verdict === "out");
    else this._select(row);
    this._rows.paintSoon();
  }

  /** @param {Row} row @param {number} index @param {boolean} open */
  _open(row, index, open) {
    if (row.open !== null && this._change("expand", { id: row.id, open })) this._store.guess(index, { open });
  }

  /** @param {Row} row */
  _openSiblings({ id }) {
    // Rows come above this one too; the kernel knows where it is then.
    if (this._change("siblings", { id })) this._askedFocus(this._rows.windowSeq);
  }

  /** @param {string} text @param {number} from */
  _find(text, from) {
    this._askedFocus(this._store.send(this, "find", { text, from }));
  }

  /** @param {number} seq */
  _askedFocus(seq) {
    if (seq > 0) this._store.asked = { view: this, seq };
  }

  /** @param {Row} row @param {number} index */
  _tick(row, index) {
    if (this._store.status.read_only) return;
    const on = row.tick !== "on";
    if (this._change("tick", { id: row.id, on })) this._store.guess(index, { tick: on ? "on" : "off" });
  }

  /** @param {Row} row @param {boolean} on */
  _include({ id }, on) {
    if (!this._store.status.read_only && this._change("include", { id, on })) this._store.guessSelected(id);
  }

  /** @param {Row} row */
  _select({ id }) {
    if (this._change("select", { id })) this._store.guessSelected(id);
  }

  /**
   * Send an intent that changes rows, and ask for those that will be visible; return whether it could be sent.
   *
   * @param {string} type
   * @param {Record<string, unknown>} fields
   * @param {boolean} fromTop whether the view goes to the first row
   * @returns {boolean}
   */
  _change(type, fields = {}, fromTop = false) {
    const seq = this._store.send(this, type, fields);
    if (seq === 0) return false;
    if (fromTop) this._topSeq = seq;
    this._rows.requestSeen(fromTop);
    return true;
  }
}
