// The scrolled window onto the rows: which are drawn where, which to ask the kernel for, and which is the active one.

import { clamp } from "./clamp.js";
import { element, newId, setAttribute } from "./dom.js";
import { RowView } from "./row.js";
import { geometry, planWindow, rowAtScroll, scrollAtRow, topToShow, wheelPixels } from "./scroll.js";
import { Timers } from "./timers.js";

/**
 * @import { Reply } from "./reply.js"
 * @import { Store, StoreView } from "./store.js"
 * @import { Tooltip } from "./tooltip.js"
 */

const ROW_HEIGHT = 26;
const DEFAULT_HEIGHT = 420;
const OVERSCAN = 70;
/** Rows asked for around the visible ones when something changes: few, because they come with every change. */
const SEEN_BEYOND = 20;
/** Rows drawn beyond the visible ones, so that scrolling by a pixel does not need a new row at once. */
const DRAWN_BEYOND = 3;
/** Without a scroll event for this long, what a finger has set going has come to rest. */
const TOUCH_REST_MS = 250;
const STALL_MS = 250;

export class Rows {
  /**
   * @param {StoreView} view the one that asks the store
   * @param {Store} store
   * @param {Tooltip} tooltip
   * @param {AbortSignal} signal
   */
  constructor(view, store, tooltip, signal) {
    /** The row, with its fraction, at the top of the scroller. */
    this.top = 0;
    /** The active row. */
    this.index = 0;
    this._view = view;
    this._store = store;
    this._tooltip = tooltip;
    this._signal = signal;
    /** The object of the active row, "" while it is not certain. */
    this._activeId = "";
    this._height = DEFAULT_HEIGHT;
    this._geometry = geometry(0, ROW_HEIGHT, DEFAULT_HEIGHT);
    this._scrollSet = 0;
    this._isTouching = false;
    this._isHeld = false;
    this._frame = 0;
    /** The window that the kernel has not sent yet, 0 for none. */
    this.windowSeq = 0;
    this._stalls = 0;
    this._lastPlan = "";
    this._timers = new Timers(signal);
    /** @type {RowView[]} */
    this._slots = [];
    this._rowCount = 0;
    this._base = 0;
    this._rows = element("div", "rows", { role: "presentation" });
    this._layer = element("div", "layer", { role: "presentation" }, this._rows);
    this._spacer = element("div", "spacer", { role: "presentation" });
    const tree = { role: "tree", tabindex: "0", "aria-label": "Catalog" };
    this.node = element("div", "scroller", tree, this._layer, this._spacer);
    const passive = { signal, passive: true };
    this.node.addEventListener("scroll", () => this._onScroll(), passive);
    this.node.addEventListener("wheel", (event) => this._onWheel(event), { signal, passive: false });
    this.node.addEventListener("touchstart", () => this._onTouch(true), passive);
    this.node.addEventListener("touchend", () => this._onTouch(false), passive);
    this.node.addEventListener("touchcancel", () => this._onTouch(false), passive);
  }

  /** The rows of one page. */
  get page() {
    return Math.floor(this._geometry.viewport / ROW_HEIGHT) - 1;
  }

  get activeRow() {
    return this._store.row(this.index);
  }

  get activeView() {
    return this._slots.find((slot) => slot.index === this.index);
  }

  /** @param {Event} event */
  viewOf(event) {
    const node = event.target instanceof Element ? event.target.closest(".dbxe-tree-row") : null;
    return node ? this._slots.find((slot) => slot.node === node) : undefined;
  }

  // -- the active row

  /** @param {number} index */
  moveTo(index) {
    this.activate(clamp(index, 0, Math.max(0, this._store.total - 1)));
    this._setTop(topToShow(this.index, this.top, this._geometry));
  }

  /** @param {number} index */
  activate(index) {
    this.index = index;
    // While rows may still come or go, the row at this place is not the one that the user will see there.
    const isCertain = this._store.isFresh(index) && !this._store.isWaitingFor("expand", "expand_all", "siblings");
    this._activeId = isCertain ? (this.activeRow?.id ?? "") : "";
  }

  /** Stay with the active object where rows came or went above it. @param {Reply} reply */
  follow(reply) {
    if (this._activeId !== "" && this.activeRow?.id !== this._activeId) {
      const at = reply.rows.findIndex((row) => row?.id === this._activeId);
      if (at !== -1) {
        const moved = reply.start + at - this.index;
        this.index += moved;
        this._setTop(this.top + moved);
      }
    }
    this.activate(Math.min(this.index, Math.max(0, this._store.total - 1)));
  }

  // -- sizes and scrolling

  /** @param {unknown} height in pixels, as the model has it */
  setHeight(height) {
    this._height = typeof height === "number" && height >= ROW_HEIGHT ? height : DEFAULT_HEIGHT;
    this.node.style.height = `${this._height}px`;
    this.resize();
    this._setTop(this.top);
  }

  /** Fit the spacer to the number of rows. */
  resize() {
    // A view that is not on the page yet has no height of its own.
    const viewport = this.node.clientHeight || this._height;
    const before = this._geometry;
    if (before.total === this._store.total && before.viewport === viewport && this._rowCount > 0) return;
    this._geometry = geometry(this._store.total, ROW_HEIGHT, viewport);
    this._rowCount = Math.ceil(viewport / ROW_HEIGHT) + 1 + 2 * DRAWN_BEYOND;
    this._layer.style.height = `${viewport}px`;
    this._spacer.style.height = `${this._geometry.maxScroll}px`;
    // An empty tree has no rows to stand for; its message says so.
    setAttribute(this.node, "aria-busy", this._store.total === 0 ? "true" : null);
    this._setTop(this.top);
  }

  /** @param {number} top */
  _setTop(top) {
    this.top = clamp(top, 0, this._geometry.maxRow);
    const scroll = Math.round(scrollAtRow(this.top, this._geometry));
    if (!this._isTouching && Math.abs(scroll - this.node.scrollTop) >= 1) this.node.scrollTop = scroll;
    this._scrollSet = scroll;
    this.paintSoon();
  }

  _onScroll() {
    const { scrollTop } = this.node;
    if (Math.abs(scrollTop - this._scrollSet) < 1.5) return;
    if (this._isTouching && this._geometry.compressed) {
      // A finger moves rows as far as itself; the scrollbar follows when it rests.
      this.top = clamp(this.top + (scrollTop - this._scrollSet) / ROW_HEIGHT, 0, this._geometry.maxRow);
      if (!this._isHeld) this._onTouch(false);
    } else {
      this.top = rowAtScroll(scrollTop, this._geometry);
    }
    this._scrollSet = scrollTop;
    this._stalls = 0;
    this._tooltip.hide();
    this.paintSoon();
  }

  /** @param {boolean} isHeld whether a finger is down; what it has set going continues without it */
  _onTouch(isHeld) {
    this._isTouching = true;
    this._isHeld = isHeld;
    if (isHeld) this._timers.stop("touch");
    else this._timers.start("touch", () => { this._isTouching = false; this._setTop(this.top); }, TOUCH_REST_MS);
  }

  /**
   * Scroll row by row where the scrollbar has fewer pixels than there are rows.
   *
   * @param {WheelEvent} event
   */
  _onWheel(event) {
    if (!this._geometry.compressed || event.ctrlKey || event.shiftKey || event.deltaY === 0) return;
    const delta = wheelPixels(event, ROW_HEIGHT, this._geometry.viewport) / ROW_HEIGHT;
    const top = clamp(this.top + delta, 0, this._geometry.maxRow);
    if (top === this.top) return;
    event.preventDefault();
    this._stalls = 0;
    this._tooltip.hide();
    this._setTop(top);
  }

  // -- painting

  paintSoon() {
    if (this._frame === 0) this._frame = requestAnimationFrame(() => this._paint());
  }

  _paint() {
    this._frame = 0;
    if (this._signal.aborted) return;
    const { total } = this._store;
    const first = clamp(Math.floor(this.top) - DRAWN_BEYOND, 0, Math.max(0, total - this._rowCount));
    this._arrange(first, Math.min(this._rowCount, total));
    // Rows are placed from a base near them: their places stay small numbers, and most rows stay where they are.
    if (Math.abs(first - this._base) > 5000) this._base = first;
    this._rows.style.transform = `translateY(${(this._base - this.top) * ROW_HEIGHT}px)`;
    const { query, read_only: readOnly } = this._store.status;
    for (const slot of this._slots) {
      slot.place(slot.index, (slot.index - this._base) * ROW_HEIGHT);
      const row = this._store.row(slot.index);
      const before = slot.row;
      if (this._tooltip.owner === slot && row?.id !== before?.id) this._tooltip.hide();
      slot.draw(row, { query, readOnly, isActive: slot.index === this.index });
      // It says what the row says, also where another verdict came under the pointer.
      if (this._tooltip.owner === slot && row !== before) this._tooltip.show(slot);
    }
    setAttribute(this.node, "aria-activedescendant", this.activeView?.node.id ?? null);
    this._fetch();
  }

  /**
   * Give each drawn row an element, in order; elements of rows that are still drawn keep their row.
   *
   * @param {number} first
   * @param {number} count
   */
  _arrange(first, count) {
    const slots = this._slots;
    if (slots.length !== count) this._tooltip.hide();
    while (slots.length < count) {
      const slot = new RowView(newId());
      slots.push(slot);
      this._rows.append(slot.node);
    }
    while (slots.length > count) slots.pop()?.node.remove();
    const moved = first - (slots[0]?.index ?? first);
    if (Math.abs(moved) < count) {
      for (let i = 0; i < moved; i += 1) this._recycle(slots.shift(), "append");
      for (let i = 0; i < -moved; i += 1) this._recycle(slots.pop(), "prepend");
    }
    slots.forEach((slot, i) => { slot.index = first + i; });
  }

  /** @param {RowView | undefined} slot @param {"append" | "prepend"} where */
  _recycle(slot, where) {
    if (!slot) return;
    if (this._tooltip.owner === slot) this._tooltip.hide();
    this._slots[where === "append" ? "push" : "unshift"](slot);
    this._rows[where](slot.node);
  }

  // -- rows from the kernel

  /**
   * Ask for the rows that will be visible after a change.
   *
   * @param {boolean} fromTop whether the view goes to the first row
   */
  requestSeen(fromTop) {
    const start = fromTop ? 0 : Math.max(0, Math.floor(this.top) - SEEN_BEYOND);
    const count = Math.ceil(this._geometry.viewport / ROW_HEIGHT) + 2 * SEEN_BEYOND;
    this.windowSeq = this._store.send(this._view, "window", { start, count });
    this.paintSoon();
  }

  /** @param {number} ack */
  onAcknowledged(ack) {
    if (ack >= this.windowSeq) this.windowSeq = 0;
  }

  /** Ask for visible or nearly visible rows that are not loaded, one window at a time. */
  _fetch(isRetry = false) {
    const store = this._store;
    const isWaiting = this.windowSeq > 0 || store.isWaitingFor("hello") || this._timers.isRunning("stall");
    if (isWaiting || store.total === 0) return;
    const rows = Math.ceil(this._geometry.viewport / ROW_HEIGHT) + 1;
    const first = Math.floor(this.top);
    const wanted = planWindow(first, first + rows, store.total, OVERSCAN, (index) => store.isFresh(index));
    if (wanted === null) {
      this._stalls = 0;
      return;
    }
    const plan = `${store.version} ${wanted.start} ${wanted.count}`;
    this._stalls = plan === this._lastPlan ? this._stalls + 1 : 0;
    this._lastPlan = plan;
    // The same window again: the kernel did not send these rows, so it is asked less and less often.
    if (this._stalls > 0 && !isRetry) {
      this._timers.start("stall", () => this._fetch(true), STALL_MS * 2 ** Math.min(this._stalls, 6));
      return;
    }
    this.windowSeq = store.send(this._view, "window", wanted);
  }
}
