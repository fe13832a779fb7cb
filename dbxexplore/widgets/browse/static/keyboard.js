// The keyboard in the rows: keys wait for the rows that they are meant for, and letters look for a name.

import { decideKey, findAmongLoaded, typeAhead } from "./keys.js";
import { TOOLTIP_MS } from "./tooltip.js";
import { Timers } from "./timers.js";

/**
 * @import { Action, Key } from "./keys.js"
 * @import { Rows } from "./rows.js"
 * @import { Store } from "./store.js"
 * @import { Tooltip } from "./tooltip.js"
 */

const MOST_WAITING_KEYS = 50;
const KEYS_ON_A_ROW = [" ", "Enter", "*", "ArrowLeft", "ArrowRight"];
const MOVES_ROWS = ["expand", "expand_all", "siblings", "search", "show", "sort", "find"];

export class Keyboard {
  /**
   * @param {Rows} rows
   * @param {Store} store
   * @param {Tooltip} tooltip
   * @param {{ act: (action: Action) => void, find: (text: string, from: number) => void, onEscape: () => void }} tree
   * @param {AbortSignal} signal
   */
  constructor(rows, store, tooltip, tree, signal) {
    this._rows = rows;
    this._store = store;
    this._tooltip = tooltip;
    this._tree = tree;
    /** @type {Key[]} */
    this._waiting = [];
    this._typed = { text: "", at: -Infinity };
    this._isEscaped = false;
    this._timers = new Timers(signal);
    rows.node.addEventListener("keydown", (event) => this._onKey(event), { signal });
    rows.node.addEventListener("focus", () => this._onFocus(), { signal });
    rows.node.addEventListener("blur", () => { tooltip.hide(); rows.paintSoon(); }, { signal });
  }

  /** Forget the waiting keys: what was typed long ago is not done all at once. */
  forget() {
    this._waiting = [];
  }

  /**
   * Do what the waiting keys say, in order. While rows come and go, a key waits: it is meant for the row that will be
   * there, and a tick must not land on another one.
   */
  play() {
    for (let key = this._waiting[0]; key !== undefined; key = this._waiting[0]) {
      if (this._store.isWaitingFor(...MOVES_ROWS)) return;
      if (KEYS_ON_A_ROW.includes(key.key) && !this._rows.activeRow && this._store.total > 0) return;
      const action = this._decide(key);
      this._waiting.shift();
      if (action !== null) this._act(action);
    }
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const action = this._decide(event);
    if (action === null) return;
    event.preventDefault();
    event.stopPropagation();
    const { key, ctrlKey, altKey, metaKey } = event;
    if (action.type === "escape") this._act(action);
    else if (this._waiting.length < MOST_WAITING_KEYS) this._waiting.push({ key, ctrlKey, altKey, metaKey });
    this.play();
  }

  /** @param {Key} key */
  _decide(key) {
    const { index, page, activeRow: row } = this._rows;
    const { total, status } = this._store;
    return decideKey(key, { index, total, page, row, readOnly: status.read_only });
  }

  /** @param {Action} action */
  _act(action) {
    if (action.type === "escape") {
      this._onEscape();
    } else {
      this._tooltip.hide();
      if (action.type === "type") this._onLetter(action.char);
      else this._tree.act(action);
    }
    this._describeSoon();
  }

  _onFocus() {
    if (this._rows.node.matches(":focus-visible")) this._describeSoon();
    this._rows.paintSoon();
  }

  _describeSoon() {
    this._timers.start("describe", () => {
      const view = this._rows.activeView;
      if (view && this._rows.node.matches(":focus-visible") && !this._isEscaped) this._tooltip.show(view);
      this._isEscaped = false;
    }, TOOLTIP_MS);
  }

  _onEscape() {
    this._isEscaped = true;
    if (this._tooltip.owner) this._tooltip.hide();
    else this._tree.onEscape();
  }

  /** @param {string} char */
  _onLetter(char) {
    const now = performance.now();
    const { text, typed, from } = typeAhead(this._typed, char, now, this._rows.index);
    this._typed = { text: typed, at: now };
    const { total } = this._store;
    if (total === 0) return;
    // Among rows that are all loaded, the kernel need not be asked.
    const index = findAmongLoaded(text, from % total, total, (at) =>
      this._store.isFresh(at) ? this._store.row(at)?.name : undefined,
    );
    if (index === null) this._tree.find(text, from % total);
    else if (index >= 0) this._rows.moveTo(index);
  }
}
