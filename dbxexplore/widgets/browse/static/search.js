// The search field: sends each change as soon as the kernel has answered the one before.

import { element } from "./dom.js";
import { holdsSecret } from "./text.js";
import { Timers } from "./timers.js";

/** @import { Store } from "./store.js" */

const SEARCH_PAUSE_MS = 40;
const EXPRESSION = "re:";

export class SearchField {
  /**
   * @param {Store} store
   * @param {(text: string) => boolean} send returns whether it was sent
   * @param {() => void} leave moves the focus to the rows
   * @param {AbortSignal} signal
   */
  constructor(store, send, leave, signal) {
    this.node = element("input", "search", {
      type: "text",
      role: "searchbox",
      "aria-label": "Search",
      placeholder: "Search",
      title: "Names. Begin with owner:, type: or comment: to search there.",
      maxlength: "255",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
    });
    this.expressions = element("button", "button", {
      type: "button",
      title: "Search by regular expression",
      "aria-label": "Search by regular expression",
      "aria-pressed": "false",
    }, ".*");
    this.expressions.addEventListener("click", () => this._switch(), { signal });
    this._store = store;
    this._sendText = send;
    this._leave = leave;
    this._sent = store.status.query;
    this._lastInput = -Infinity;
    this._timers = new Timers(signal);
    this.node.addEventListener("input", () => this._onInput());
    this.node.addEventListener("keydown", (event) => this._onKey(event));
  }

  get isEmpty() {
    return this.node.value === "";
  }

  /** @param {string} query that the kernel shows the matches of */
  showQuery(query) {
    const isTyping = document.activeElement === this.node || this._timers.isRunning("search");
    if (isTyping || this._store.isWaitingFor("search")) return;
    this.node.value = query;
    this._sent = query;
    this._showKind();
  }

  clear() {
    this._timers.stopAll();
    this.node.value = "";
    this._showKind();
    this._send();
  }

  get _isExpression() {
    return this.node.value.trimStart().toLowerCase().startsWith(EXPRESSION);
  }

  // What is typed says what it is, so that it can be saved, sent and typed as one text.
  _switch() {
    const text = this.node.value.trimStart();
    this.node.value = this._isExpression ? text.slice(EXPRESSION.length).trimStart() : `${EXPRESSION} ${text}`;
    this.node.focus();
    this._showKind();
    this._send();
  }

  _showKind() {
    this.expressions.setAttribute("aria-pressed", String(this._isExpression));
  }

  _onInput() {
    if (holdsSecret(this.node.value)) {
      // The search is a part of the notebook's saved state.
      this.node.value = "";
      this.node.placeholder = "That looked like a token, so it was cleared";
    }
    this._showKind();
    const now = performance.now();
    const isIdle = now - this._lastInput > SEARCH_PAUSE_MS && !this._store.isWaitingFor("search");
    this._lastInput = now;
    if (isIdle) this._send();
    else this._timers.start("search", () => this._send(), SEARCH_PAUSE_MS);
  }

  _send() {
    const text = this.node.value;
    if (text !== this._sent && this._sendText(text)) this._sent = text;
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // The notebook has shortcuts of one letter.
    event.stopPropagation();
    if (!["Escape", "ArrowDown", "Enter"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Escape") this.clear();
    this._leave();
  }
}
