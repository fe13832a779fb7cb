// What all views of a model in this page share: the rows, and the intents that the kernel has not acknowledged.

import { acknowledge, enqueue } from "./queue.js";
import { NO_STATUS, readReply } from "./reply.js";
import { Timers } from "./timers.js";

/**
 * @import { Queued } from "./queue.js"
 * @import { Reply, Row } from "./reply.js"
 * @typedef {{
 *   get(name: string): unknown, set(name: string, value: unknown): void, save_changes(): void,
 *   on(name: string, callback: () => void): void, off(name: string, callback: () => void): void,
 * }} Model what the tree uses of an anywidget model
 * @typedef {{ readonly top: number, onReply(reply: Reply, mayFocus: boolean): void, onSilence(): void }} StoreView
 * @typedef {{ row: Row, version: number, isGuess: boolean }} Cached a guess is made ahead of the kernel's answer
 */

const SILENCE_MS = 4000;
const RESEND_MS = 2000;
const LONGEST_RESEND_MS = 16_000;
const KEPT_ROWS = 4000;

/**
 * The stores of this page by their session. A view finds the store of its model by the session in the model's request,
 * because each view gets a model object of its own.
 *
 * @type {Map<string, Store>}
 */
const STORES = new Map();

function newSession() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}

export class Store {
  /** @param {Model} model */
  constructor(model) {
    this.session = newSession();
    this.version = -1;
    this.total = 0;
    this.status = NO_STATUS;
    this.isSilent = false;
    /** Whether any reply has been read yet. */
    this.hasRows = false;
    /** @type {Set<StoreView>} */
    this.views = new Set();
    /**
     * The view that asked for the next focus: the others stay where they are.
     *
     * @type {{ view: StoreView, seq: number } | null}
     */
    this.asked = null;
    /** @type {Queued[]} */
    this._queue = [];
    /** @type {Map<number, Cached>} */
    this._rows = new Map();
    this._model = model;
    this._lastSeq = 0;
    this._isWriting = false;
    this._lastSeen = /** @type {unknown} */ (undefined);
    this._resendMs = RESEND_MS;
    this._timers = new Timers();
    STORES.set(this.session, this);
  }

  /** @param {StoreView} view @param {Model} model the view's own: the first view's may go before the others */
  join(view, model) {
    const isFirst = this.views.size === 0;
    this.views.add(view);
    this._model = model;
    this.receive(model.get("reply"));
    if (!isFirst) return;
    this.send(view, "hello");
    // At once: another view of this model finds the store by the session in the request.
    this._write();
  }

  /** @param {StoreView} view */
  leave(view) {
    this.views.delete(view);
    if (this.views.size > 0) return;
    this._timers.stopAll();
    STORES.delete(this.session);
  }

  /** @param {number} index */
  row(index) {
    return this._rows.get(index)?.row;
  }

  /** @param {number} index */
  isFresh(index) {
    const cached = this._rows.get(index);
    return cached !== undefined && cached.version === this.version && !cached.isGuess;
  }

  /**
   * Change a row ahead of the kernel; the reply corrects it.
   *
   * @param {number} index
   * @param {Partial<Row>} change
   */
  guess(index, change) {
    const cached = this._rows.get(index);
    if (cached) this._rows.set(index, { ...cached, row: { ...cached.row, ...change }, isGuess: true });
  }

  /** @param {string} id */
  guessSelected(id) {
    for (const [index, { row }] of this._rows) {
      if (row.selected !== (row.id === id)) this.guess(index, { selected: row.id === id });
    }
  }

  /** @param {...string} types */
  isWaitingFor = (...types) => this._queue.some((q) => types.includes(q.intent.type));

  /**
   * Ask the kernel for something; return the number of the intent, 0 when too many are waiting already.
   *
   * @param {StoreView} view
   * @param {string} type
   * @param {Record<string, unknown>} fields
   * @returns {number}
   */
  send(view, type, fields = {}) {
    const intent = { seq: this._lastSeq + 1, type, ...fields };
    const queue = enqueue(this._queue, { intent, owner: view });
    if (queue === null) return 0;
    this._lastSeq += 1;
    if (this._queue.length === 0) {
      this._resendMs = RESEND_MS;
      this._watch();
    }
    this._queue = queue;
    // Intents that are sent together arrive together, and get one answer.
    if (!this._isWriting) queueMicrotask(() => { if (this._isWriting) this._write(); });
    this._isWriting = true;
    return intent.seq;
  }

  /** Set the queue in the model, each time as a new value: the same one would be no change. */
  _write() {
    this._isWriting = false;
    if (this.views.size === 0) return;
    this._model.set("request", { session: this.session, intents: this._queue.map((q) => q.intent) });
    this._model.save_changes();
    // A request may be overwritten on its way, for one by another page; the kernel handles each intent only once.
    this._timers.start("resend", () => {
      this._resendMs = Math.min(this._resendMs * 2, LONGEST_RESEND_MS);
      if (this._queue.length > 0) this._write();
    }, this._resendMs);
  }

  /** Let the views show when the kernel does not answer. */
  _watch() {
    this._timers.start("silence", () => {
      if (this._queue.length === 0) return;
      this.isSilent = true;
      for (const view of this.views) view.onSilence();
    }, SILENCE_MS);
  }

  /** @param {unknown} value the reply in the model */
  receive(value) {
    if (value === this._lastSeen) return;
    this._lastSeen = value;
    const { reply, problems } = readReply(value);
    if (problems.length > 0) console.warn(`dbxexplore: malformed reply: ${problems.slice(0, 5).join("; ")}`);
    if (reply === null) return;
    this._keep(reply);
    if (reply.session === this.session) this._queue = acknowledge(this._queue, reply.ack);
    this.isSilent = false;
    if (this._queue.length > 0) this._watch();
    else this._timers.stop("resend");
    const { asked } = this;
    if (asked !== null && reply.session === this.session && reply.ack >= asked.seq) this.asked = null;
    for (const view of this.views) view.onReply(reply, asked === null || asked.view === view);
  }

  /** @param {Reply} reply */
  _keep(reply) {
    this.version = reply.version;
    this.status = reply.status;
    this.hasRows = true;
    if (reply.total < this.total) {
      for (const index of this._rows.keys()) if (index >= reply.total) this._rows.delete(index);
    }
    this.total = reply.total;
    reply.rows.forEach((row, i) => {
      if (row) this._rows.set(reply.start + i, { row, version: reply.version, isGuess: false });
    });
    if (this._rows.size > KEPT_ROWS) this._forgetFarRows();
  }

  _forgetFarRows() {
    const near = KEPT_ROWS / 8;
    const tops = Array.from(this.views, (view) => view.top);
    for (const index of this._rows.keys()) {
      if (!tops.some((top) => Math.abs(index - top) < near)) this._rows.delete(index);
    }
  }
}

/** @param {Model} model @returns {Store} */
export function storeOf(model) {
  const request = model.get("request");
  const session = typeof request === "object" && request !== null && "session" in request ? request.session : "";
  return STORES.get(String(session)) ?? new Store(model);
}
