import {
  NO_STATUS,
  VERDICTS_SHOWN,
  acknowledge,
  borderRange,
  clamp,
  decideKey,
  enqueue,
  findAmongLoaded,
  fitColumns,
  geometry,
  highlightParts,
  holdsSecret,
  isMeantFor,
  moveBorder,
  pathEnd,
  planWindow,
  readReply,
  readShares,
  rowAtScroll,
  rowLabel,
  scrollAtRow,
  shortComment,
  shortType,
  splitParts,
  titleSort,
  topToShow,
  typeAhead,
  visibleString,
  visibleText,
  wheelPixels,
} from "./logic.js";

// The catalog tree: a window onto rows that the kernel holds. Text of the workspace is only ever set as text.

/**
 * @typedef {import("./logic.js").Row} Row
 * @typedef {import("./logic.js").Status} Status
 * @typedef {import("./logic.js").Reply} Reply
 * @typedef {import("./logic.js").Part} Part
 * @typedef {import("./logic.js").Queued} Queued
 * @typedef {import("./logic.js").Geometry} Geometry
 * @typedef {{
 *   get(name: string): unknown, set(name: string, value: unknown): void, save_changes(): void,
 *   on(name: string, callback: () => void): void, off(name: string, callback: () => void): void,
 * }} Model what the tree uses of an anywidget model
 * @typedef {Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "shiftKey" | "isComposing">} Key
 * @typedef {{ row: Row, version: number, isGuess: boolean }} Cached a guess was made ahead of the kernel's answer
 */

const ROW_HEIGHT = 26;
const DEFAULT_HEIGHT = 420;
const OVERSCAN = 70;
/** Rows asked for around the visible ones when something changes: few, because they come with every change. */
const SEEN_BEYOND = 20;
/** Rows drawn beyond the visible ones, so that a scrolled pixel needs no new row at once. */
const DRAWN_BEYOND = 3;
/** Below it, there are the name and the verdict alone; below the next, of the verdict only its sign. */
const NARROW = 520;
const TIGHT = 420;
const SEARCH_PAUSE_MS = 40;
const TOOLTIP_MS = 450;
/** Time to move the pointer from a row onto its tooltip. */
const TOOLTIP_GRACE_MS = 160;
/** Without a scroll event for so long, what a finger has set going has come to rest. */
const TOUCH_REST_MS = 250;
const SILENCE_MS = 4000;
const RESEND_MS = 2000;
const LONGEST_RESEND_MS = 16_000;
const STALL_MS = 250;
const KEPT_ROWS = 4000;
const STEP = 16;
const MOST_HELD_KEYS = 50;
const KEYS_ON_A_ROW = [" ", "Enter", "*", "ArrowLeft", "ArrowRight"];
const LEAST_WIDTH_CHANGE = 16;

const SILENCE =
  "No answer from the kernel. If it is busy, this goes on by itself; if it was restarted, run this cell again.";

const SHOWS = [
  { value: "all", text: "All", fits: () => true },
  { value: "included", text: "Included", fits: (/** @type {Status} */ s) => s.has_verdicts },
  { value: "excluded", text: "Excluded", fits: (/** @type {Status} */ s) => s.has_verdicts },
  { value: "ticked", text: "Ticked", fits: (/** @type {Status} */ s) => !s.read_only },
  { value: "changed", text: "Changed by the last edit", fits: (/** @type {Status} */ s) => s.can_show_changed },
];
const SORTS = [
  { value: "name", text: "Name, A to Z", fits: () => true },
  { value: "name_desc", text: "Name, Z to A", fits: () => true },
  { value: "type", text: "Type", fits: () => true },
  { value: "updated", text: "Last updated", fits: (/** @type {Status} */ s) => s.has_updates },
  { value: "verdict", text: "Verdict", fits: (/** @type {Status} */ s) => s.has_verdicts },
];

const COLUMNS = [
  { key: "name", title: "Name", share: 39, least: 150 },
  { key: "verdict", title: "Verdict", share: 25, least: 60 },
  { key: "type", title: "Type", share: 14, least: 60 },
  { key: "holds", title: "Contents", share: 22, least: 60 },
];
const COLUMN_KEYS = COLUMNS.map((column) => column.key);

const FOLDER =
  "M2 4.2c0-.4.3-.7.7-.7h3.6l1.5 1.7h5.5c.4 0 .7.3.7.7v6.4c0 .4-.3.7-.7.7H2.7a.7.7 0 0 1-.7-.7z";
/** Outlines on a grid of 16 × 16. @type {Record<string, string>} */
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
let lastId = 0;

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} name the class, without its prefix
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function element(tag, name, attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (name !== "") made.className = `dbxe-tree-${name}`;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * @param {string} name
 * @returns {{ svg: SVGSVGElement, path: SVGPathElement }}
 */
function outline(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `dbxe-tree-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return { svg, path };
}

/**
 * Set text only where it differs: writing it again would lay the row out again.
 *
 * @param {Node} node
 * @param {string} text
 */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string | null} value null takes the attribute away
 */
function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Return workspace text with every character visible and the matches of a query marked.
 *
 * @param {readonly Part[]} parts
 * @returns {Node[]}
 */
function visibleNodes(parts) {
  return parts.flatMap((part) => {
    const pieces = visibleText(part.text).map((piece) =>
      piece.symbol ? element("span", "symbol", {}, piece.text) : document.createTextNode(piece.text),
    );
    return part.hit ? [element("mark", "hit", {}, ...pieces)] : pieces;
  });
}

/**
 * Show the name of a row; a path is in two, so that where it is too long its middle is left out.
 *
 * @param {HTMLElement} parent
 * @param {Row} row
 * @param {string} query
 */
function showName(parent, row, query) {
  const parts = highlightParts(row.name, query);
  const isPath = row.kind === "folder";
  parent.classList.toggle("dbxe-tree-path", isPath);
  if (!isPath) {
    parent.replaceChildren(...visibleNodes(parts));
    return;
  }
  const [head, tail] = splitParts(parts, pathEnd(row.name));
  const before = element("span", "path-head", {}, ...visibleNodes(head));
  parent.replaceChildren(before, element("span", "path-tail", {}, ...visibleNodes(tail)));
}

/** @param {Element} node */
function isCut(node) {
  return [node, ...node.children].some((part) => part.scrollWidth > part.clientWidth && part.clientWidth > 0);
}

// ---- what all views of a model share -------------------------------------------------------------------------------

/**
 * The stores of this page by their session. A view finds the store of its model by the session in the model's request,
 * because each view is given a model object of its own.
 *
 * @type {Map<string, Store>}
 */
const STORES = new Map();

function newSession() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}

class Store {
  /** @param {Model} model */
  constructor(model) {
    this.session = newSession();
    this.version = -1;
    this.total = 0;
    this.status = NO_STATUS;
    this.isSilent = false;
    /** Whether any reply has been read yet. */
    this.hasRows = false;
    /** @type {Queued[]} */
    this.queue = [];
    /** @type {Set<View>} */
    this.views = new Set();
    /**
     * The view that asked for the next focus: the others stay where they are.
     *
     * @type {{ view: View, seq: number } | null}
     */
    this.asked = null;
    /** @type {Map<number, Cached>} */
    this._rows = new Map();
    this._model = model;
    this._lastSeq = 0;
    this._isWriting = false;
    this._lastSeen = /** @type {unknown} */ (undefined);
    this._resendMs = RESEND_MS;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._silenceTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._resendTimer = undefined;
    STORES.set(this.session, this);
  }

  /**
   * @param {View} view
   * @param {Model} model the view's own: the first view's may go before the others
   */
  join(view, model) {
    this.views.add(view);
    this._model = model;
    this.receive(model.get("reply"));
  }

  /** @param {View} view */
  leave(view) {
    this.views.delete(view);
    if (this.views.size > 0) return;
    clearTimeout(this._silenceTimer);
    clearTimeout(this._resendTimer);
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
  isWaitingFor = (...types) => this.queue.some((q) => types.includes(q.intent.type));

  /**
   * Ask the kernel for something; return the number of the intent, 0 when too many wait already.
   *
   * @param {View} view
   * @param {string} type
   * @param {Record<string, unknown>} fields
   * @returns {number}
   */
  send(view, type, fields = {}) {
    const intent = { seq: this._lastSeq + 1, type, ...fields };
    const queue = enqueue(this.queue, { intent, owner: view });
    if (queue === null) return 0;
    this._lastSeq += 1;
    if (this.queue.length === 0) {
      this._resendMs = RESEND_MS;
      this._watch();
    }
    this.queue = queue;
    // What is sent together arrives together, and is answered once.
    if (!this._isWriting) queueMicrotask(() => this.write());
    this._isWriting = true;
    return intent.seq;
  }

  /** Give the model the queue; a new value each time, or it would see no change. */
  write() {
    this._isWriting = false;
    if (this.views.size === 0) return;
    this._model.set("request", { session: this.session, intents: this.queue.map((q) => q.intent) });
    this._model.save_changes();
    clearTimeout(this._resendTimer);
    // A request may be overwritten on its way, by another page for one; the kernel handles each intent once only.
    this._resendTimer = setTimeout(() => {
      this._resendMs = Math.min(this._resendMs * 2, LONGEST_RESEND_MS);
      if (this.queue.length > 0) this.write();
    }, this._resendMs);
  }

  /** Say so when the kernel leaves intents unanswered. */
  _watch() {
    clearTimeout(this._silenceTimer);
    this._silenceTimer = setTimeout(() => {
      if (this.queue.length === 0) return;
      this.isSilent = true;
      for (const view of this.views) view.onSilence();
    }, SILENCE_MS);
  }

  /** @param {unknown} value the reply as the model has it */
  receive(value) {
    if (value === this._lastSeen) return;
    this._lastSeen = value;
    const { reply, problems } = readReply(value);
    if (problems.length > 0) console.warn(`dbxexplore: malformed reply: ${problems.slice(0, 5).join("; ")}`);
    if (reply === null) return;
    this._keep(reply);
    if (reply.session === this.session) this.queue = acknowledge(this.queue, reply.ack);
    this.isSilent = false;
    if (this.queue.length > 0) this._watch();
    else clearTimeout(this._resendTimer);
    const asked = this.asked;
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

/**
 * @param {Model} model
 * @returns {Store}
 */
function storeOf(model) {
  const request = model.get("request");
  const session = typeof request === "object" && request !== null && "session" in request ? request.session : "";
  return STORES.get(String(session)) ?? new Store(model);
}

// ---- one row -------------------------------------------------------------------------------------------------------

class RowView {
  /** @param {string} id */
  constructor(id) {
    this.index = -1;
    /** @type {Row | undefined} */
    this.row = undefined;
    this._drawn = "";
    this._y = -1;
    const chevron = outline("chevron");
    chevron.path.setAttribute("d", CHEVRON);
    const mark = outline("tickmark");
    const icon = outline("icon");
    this._mark = mark.path;
    this._icon = icon.path;
    this._twisty = element("span", "twisty", { "data-part": "twisty" }, chevron.svg);
    this._tick = element("span", "tick", { "data-part": "tick" }, mark.svg);
    this.text = element("bdi", "text");
    this._warn = element("span", "warn", {}, "⚠");
    const parts = [this._twisty, this._tick, icon.svg, this.text, this._warn];
    this._name = element("span", "cell dbxe-tree-name", {}, ...parts);
    this._symbol = element("span", "verdict-symbol");
    this._word = element("span", "verdict-word");
    this._why = element("bdi", "why");
    this.verdict = element("span", "cell dbxe-tree-verdict", {}, this._symbol, " ", this._word, " ", this._why);
    this._type = element("span", "cell dbxe-tree-type");
    /** What may be too narrow for its text. */
    this.cells = [this.text, this.verdict, this._type];
    this._holds = element("bdi", "holds-text");
    this._comment = element("bdi", "comment");
    const holds = element("span", "cell dbxe-tree-holds", {}, this._holds, " ", this._comment);
    this.cells.push(holds);
    this.node = element("div", "row", { role: "treeitem", id });
    // The grid shows no spaces, but who reads the row as text needs them between its cells.
    this.node.append(this._name, " ", this.verdict, " ", this._type, " ", holds);
  }

  /**
   * @param {number} index
   * @param {number} y pixels from the top of the layer
   */
  place(index, y) {
    this.index = index;
    if (y === this._y) return;
    this._y = y;
    this.node.style.transform = `translateY(${y}px)`;
  }

  /**
   * Show a row, or the place of one that is not loaded.
   *
   * @param {Row | undefined} row
   * @param {{ query: string, readOnly: boolean, isActive: boolean }} how
   */
  draw(row, how) {
    const drawn = `${how.query}\n${how.readOnly}`;
    if (row === undefined || row !== this.row || drawn !== this._drawn) {
      this._drawn = drawn;
      this.row = row;
      if (row) this._fill(row, how.query, how.readOnly);
      else this._empty();
    }
    this.node.classList.toggle("dbxe-tree-active", how.isActive);
  }

  _empty() {
    const { node } = this;
    node.className = "dbxe-tree-row dbxe-tree-missing";
    setAttribute(node, "aria-label", "Loading");
    setAttribute(node, "aria-level", "1");
    for (const name of ["aria-posinset", "aria-setsize", "aria-expanded", "aria-checked", "aria-selected"]) {
      node.removeAttribute(name);
    }
    this._name.style.setProperty("--dbxe-tree-level", "0");
    this.text.classList.remove("dbxe-tree-path");
    setText(this.text, "…");
    for (const part of [this._symbol, this._word, this._why, this._type, this._holds, this._comment]) setText(part, "");
  }

  /**
   * @param {Row} row
   * @param {string} query
   * @param {boolean} readOnly
   */
  _fill(row, query, readOnly) {
    const { node } = this;
    node.className = "dbxe-tree-row";
    node.classList.toggle("dbxe-tree-leaf", row.open === null);
    node.classList.toggle("dbxe-tree-open", row.open === true);
    node.classList.toggle("dbxe-tree-excluded", row.verdict === "out");
    node.classList.toggle("dbxe-tree-selected", row.selected);
    node.classList.toggle("dbxe-tree-warned", row.warn !== "");
    setAttribute(node, "data-verdict", row.verdict === "" ? null : row.verdict);
    setAttribute(node, "data-tick", row.tick);
    setAttribute(node, "aria-label", rowLabel(row));
    setAttribute(node, "aria-level", String(row.level));
    setAttribute(node, "aria-posinset", String(row.pos));
    setAttribute(node, "aria-setsize", String(row.of));
    setAttribute(node, "aria-expanded", row.open === null ? null : String(row.open));
    setAttribute(node, "aria-selected", String(row.selected));
    setAttribute(node, "aria-checked", readOnly ? null : { on: "true", off: "false", mixed: "mixed" }[row.tick]);
    this._name.style.setProperty("--dbxe-tree-level", String(row.level - 1));
    setAttribute(this._mark, "d", TICK_MARKS[row.tick]);
    setAttribute(this._icon, "d", ICONS[row.kind] ?? "");
    showName(this.text, row, query);
    const verdict = VERDICTS_SHOWN[row.verdict];
    setText(this._symbol, verdict.symbol);
    setText(this._word, verdict.word);
    setText(this._why, visibleString(row.why_short || row.why));
    setText(this._type, visibleString(shortType(row)));
    setText(this._holds, visibleString(row.holds_short || row.holds));
    setText(this._comment, shortComment(row.comment));
  }
}

// ---- the toolbar ---------------------------------------------------------------------------------------------------

/** @param {string} text */
function button(text) {
  return element("button", "button", { type: "button" }, text);
}

/**
 * @param {string} text
 * @param {HTMLSelectElement} select
 */
function labelled(text, select) {
  return element("label", "label", {}, element("span", "", {}, text), select);
}

class Toolbar {
  constructor() {
    this.search = element("input", "search", {
      type: "text",
      role: "searchbox",
      "aria-label": "Search all names",
      placeholder: "Search all names",
      maxlength: "255",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
    });
    this.show = element("select", "select");
    this.sort = element("select", "select");
    this.expandAll = button("Expand all");
    this.collapseAll = button("Collapse all");
    this.tickShown = button("Tick all matches");
    this.untickShown = button("Untick all matches");
    this.clearTicks = button("Clear ticks");
    this._found = element("span", "found", { role: "status", "aria-live": "polite" });
    this._ticked = element("span", "ticked");
    const buttons = element("span", "buttons", {}, this.expandAll, this.collapseAll);
    const choices = [labelled("Show", this.show), labelled("Sort", this.sort)];
    const parts = [this.search, ...choices, buttons];
    const toolbar = element("div", "toolbar", { role: "group", "aria-label": "Search, show and sort" }, ...parts);
    this._ticks = element("span", "ticks", {}, this._ticked, this.tickShown, this.untickShown, this.clearTicks);
    this.nodes = [toolbar, element("div", "bar", {}, this._found, this._ticks)];
  }

  /** @param {Store} store */
  showStatus({ status, total, isWaitingFor }) {
    setText(this._found, visibleString(status.found));
    setText(this._ticked, status.ticked === "" ? "Nothing ticked" : `${visibleString(status.ticked)} ticked`);
    const isFiltered = status.query !== "" || status.show !== "all";
    this._ticks.hidden = status.read_only;
    this.tickShown.hidden = !isFiltered || total === 0;
    this.untickShown.hidden = !isFiltered || total === 0;
    this.clearTicks.hidden = status.ticked === "";
    // A choice that the kernel has not heard of yet stands.
    if (!isWaitingFor("show")) setChoices(this.show, SHOWS, status.show, status);
    if (!isWaitingFor("sort")) setChoices(this.sort, SORTS, status.sort, status);
  }
}

/**
 * @param {HTMLSelectElement} select
 * @param {{ value: string, text: string, fits: (status: Status) => boolean }[]} choices
 * @param {string} chosen
 * @param {Status} status
 */
function setChoices(select, choices, chosen, status) {
  const fit = choices.filter((choice) => choice.fits(status) || choice.value === chosen);
  const values = fit.map((choice) => choice.value).join();
  if (select.dataset.values !== values) {
    select.dataset.values = values;
    select.replaceChildren(...fit.map((choice) => element("option", "", { value: choice.value }, choice.text)));
  }
  if (select.value !== chosen && fit.some((choice) => choice.value === chosen)) select.value = chosen;
}

// ---- the header ----------------------------------------------------------------------------------------------------

class Header {
  /**
   * @param {HTMLElement} root gets the widths as a variable that header and rows lay their columns out by
   * @param {{
   *   onSort: (by: string) => void, onWidths: (shares: Record<string, number>) => void,
   *   needed: (key: string) => number,
   * }} tree does what is asked for in the header: sorts, keeps widths, and says how wide a column has to be
   */
  constructor(root, tree) {
    this.node = element("div", "header", { role: "group", "aria-label": "Columns" });
    this._root = root;
    this._tree = tree;
    this._sort = "name";
    this._width = 0;
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
      const shown = this._titles.get(key);
      if (!shown) continue;
      setText(shown, sign === "" ? title : `${title} ${sign}`);
      const now = sign === "" ? "" : `, now ${SORTS.find((choice) => choice.value === sort)?.text}`;
      setAttribute(shown, "aria-label", `Sort by ${title}${now}`);
    }
  }

  /**
   * @param {number} width of the rows, without the scrollbar
   * @param {boolean} hasVerdicts
   * @param {AbortSignal} signal
   */
  layOut(width, hasVerdicts, signal) {
    const isNarrow = width < NARROW;
    const keys = isNarrow ? ["name", "verdict"] : ["name", "verdict", "type", "holds"];
    const columns = COLUMNS.filter((c) => keys.includes(c.key) && (hasVerdicts || c.key !== "verdict"));
    if (columns.map((c) => c.key).join() !== this._columns.map((c) => c.key).join() || this._borders.length === 0) {
      this._columns = columns;
      this._build(isNarrow, signal);
    }
    this._width = width;
    this._root.classList.toggle("dbxe-tree-narrow", isNarrow);
    this._root.classList.toggle("dbxe-tree-no-verdicts", !hasVerdicts);
    this._root.classList.toggle("dbxe-tree-tight", width < TIGHT);
    const verdict = width < TIGHT ? "76px" : "140px";
    const narrow = hasVerdicts ? `minmax(0, 1fr) ${verdict}` : "minmax(0, 1fr)";
    if (isNarrow) this._root.style.setProperty("--dbxe-tree-columns", narrow);
    else this._setWidths(fitColumns(columns.map((c) => this._shares.get(c.key) ?? c.share), this._least(), width));
  }

  /** @param {unknown} value shares that were kept, of this view or another one */
  takeShares(value) {
    const shares = readShares(value, COLUMN_KEYS);
    if (shares && !this._isDragged) this._shares = shares;
  }

  _least() {
    return this._columns.map((column) => column.least);
  }

  /**
   * @param {boolean} isNarrow
   * @param {AbortSignal} signal
   */
  _build(isNarrow, signal) {
    this._borders = [];
    this._titles.clear();
    const cells = this._columns.map((column, i) => {
      const title = this._title(column.key, column.title, signal);
      const cell = element("span", "head", { "data-column": column.key }, title);
      if (isNarrow || i === this._columns.length - 1) return cell;
      const border = element("span", "border", {
        role: "separator",
        tabindex: "0",
        "aria-orientation": "vertical",
        "aria-label": `Width of ${column.title}`,
      });
      this._borders.push(border);
      this._listen(border, i, signal);
      cell.append(border);
      return cell;
    });
    this.node.replaceChildren(...cells);
    this.showSort(this._sort);
  }

  /**
   * @param {string} key
   * @param {string} title
   * @param {AbortSignal} signal
   */
  _title(key, title, signal) {
    if (!titleSort(key, this._sort)) return element("span", "title", {}, title);
    const shown = element("button", "title", { type: "button" });
    shown.addEventListener("click", () => this._tree.onSort(titleSort(key, this._sort)?.next ?? "name"), { signal });
    this._titles.set(key, shown);
    return shown;
  }

  /**
   * @param {HTMLElement} border
   * @param {number} column
   * @param {AbortSignal} signal
   */
  _listen(border, column, signal) {
    /** @type {{ x: number, widths: number[] } | null} */
    let grip = null;
    border.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      grip = { x: event.clientX, widths: this._widths };
      this._isDragged = true;
      border.setPointerCapture(event.pointerId);
      event.preventDefault();
      border.focus();
    }, { signal });
    border.addEventListener("pointermove", (event) => {
      if (grip) this._keepWidths(moveBorder(grip.widths, this._least(), column, Math.round(event.clientX - grip.x)));
    }, { signal });
    const release = () => {
      if (grip && grip.widths !== this._widths) this._tellShares();
      grip = null;
      this._isDragged = false;
    };
    border.addEventListener("dblclick", () => {
      const needed = this._tree.needed(this._columns[column]?.key ?? "");
      this._keepWidths(moveBorder(this._widths, this._least(), column, needed - (this._widths[column] ?? 0)));
      this._tellShares();
    }, { signal });
    border.addEventListener("pointerup", release, { signal });
    border.addEventListener("pointercancel", release, { signal });
    border.addEventListener("keydown", (event) => {
      const range = borderRange(this._widths, this._least(), column);
      const deltas = { ArrowLeft: -STEP, ArrowRight: STEP, Home: range.min - range.now, End: range.max - range.now };
      const delta = deltas[/** @type {keyof typeof deltas} */ (event.key)];
      if (delta === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      this._keepWidths(moveBorder(this._widths, this._least(), column, delta));
      this._tellShares();
    }, { signal });
  }

  _tellShares() {
    this._tree.onWidths(Object.fromEntries(this._shares));
  }

  /** @param {number[]} widths that the user has chosen */
  _keepWidths(widths) {
    const all = widths.reduce((a, b) => a + b, 0) || 1;
    const shares = this._columns.reduce((sum, c) => sum + (this._shares.get(c.key) ?? 0), 0);
    // Columns that are hidden now keep their part.
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

// ---- the tooltip ---------------------------------------------------------------------------------------------------

class Tooltip {
  /** @param {HTMLElement} root */
  constructor(root) {
    lastId += 1;
    this.node = element("div", "tooltip", { role: "tooltip", id: `dbxe-tree-tooltip-${lastId}`, hidden: "" });
    this._root = root;
    /** @type {RowView | null} */
    this.owner = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
  }

  get isShown() {
    return this.owner !== null;
  }

  /** @param {RowView} view */
  showSoon(view) {
    if (this.owner === view) {
      clearTimeout(this._timer);
      return;
    }
    this.hide();
    this._timer = setTimeout(() => this.show(view), TOOLTIP_MS);
  }

  hideSoon() {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this.hide(), TOOLTIP_GRACE_MS);
  }

  stay() {
    if (this.isShown) clearTimeout(this._timer);
  }

  hide() {
    clearTimeout(this._timer);
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
    const { symbol, word } = VERDICTS_SHOWN[row.verdict];
    const verdict = [`${symbol} ${word}`.trim(), visibleString(row.why)].filter((part) => part !== "").join(": ");
    const what = [row.type, row.holds].filter((part) => part !== "" && part !== row.warn).join(" · ");
    const lines = [
      { text: verdict, part: "tooltip-why" },
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
   * Below the row, or above it where there is no room, and beside the names: always within the widget.
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

// ---- the view ------------------------------------------------------------------------------------------------------

class View {
  /**
   * @param {Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    lastId += 1;
    this._id = `dbxe-tree-${lastId}`;
    this._model = model;
    this._stop = new AbortController();
    this._store = storeOf(model);
    /** The row, with its fraction, at the top of the scroller. */
    this.top = 0;
    this._index = 0;
    /** The object that has the focus, "" while its row is not certain. */
    this._focusedId = "";
    this._scrollSet = 0;
    this._isTouching = false;
    this._isHeld = false;
    this._frame = 0;
    this._typed = { text: "", at: -Infinity };
    this._windowSeq = 0;
    this._stalls = 0;
    this._lastPlan = "";
    this._isRetry = false;
    this._isEscaped = false;
    /** The row under the pointer when the button went down, and that of the first of two clicks. */
    this._pressed = "";
    this._clicked = "";
    /** The intent that shows other rows: its answer is looked at from the top. */
    this._topSeq = 0;
    /** Keys that wait for rows. @type {Key[]} */
    this._held = [];
    this._sentQuery = "";
    this._lastInput = -Infinity;
    /** @type {Map<string, ReturnType<typeof setTimeout>>} */
    this._timers = new Map();
    /** @type {RowView[]} */
    this._slots = [];
    this._rowCount = 0;
    this._base = 0;

    this._root = element("div", "");
    this._root.className = "dbxe-tree";
    this._banner = element("div", "banner", { role: "status" });
    this._tools = new Toolbar();
    this._header = new Header(this._root, {
      onSort: (by) => this._change("sort", { by }, true),
      onWidths: (shares) => this._keepColumns(shares),
      needed: (key) => this._neededWidth(key),
    });
    this._header.takeShares(model.get("columns"));
    this._rows = element("div", "rows", { role: "presentation" });
    this._layer = element("div", "layer", { role: "presentation" }, this._rows);
    this._spacer = element("div", "spacer", { role: "presentation" });
    const tree = { role: "tree", tabindex: "0", "aria-label": "Catalog" };
    this._scroller = element("div", "scroller", tree, this._layer, this._spacer);
    this._message = element("div", "message", { hidden: "" });
    const body = element("div", "body", {}, this._scroller, this._message);
    this._tooltip = new Tooltip(this._root);
    this._root.append(this._banner, ...this._tools.nodes, this._header.node, body, this._tooltip.node);
    el.replaceChildren(this._root);

    this._geometry = geometry(0, ROW_HEIGHT, this._height());
    this._listen();
    this._onReplyChange = () => this._store.receive(this._model.get("reply"));
    this._onHeightChange = () => this._measure();
    this._onColumnsChange = () => {
      this._header.takeShares(this._model.get("columns"));
      this._layOutColumns();
    };
    model.on("change:reply", this._onReplyChange);
    model.on("change:height", this._onHeightChange);
    model.on("change:columns", this._onColumnsChange);
    const isNew = this._store.views.size === 0;
    this._store.join(this, model);
    if (isNew) {
      this._store.send(this, "hello");
      // At once: another view of this model finds the store by the session in the request.
      this._store.write();
    }
    this._sentQuery = this._store.status.query;
    this.showStatus();
    this._measure();
    this._observer = new ResizeObserver(() => this._measure());
    this._observer.observe(this._scroller);
  }

  remove() {
    this._stop.abort();
    this._observer.disconnect();
    this._model.off("change:reply", this._onReplyChange);
    this._model.off("change:height", this._onHeightChange);
    this._model.off("change:columns", this._onColumnsChange);
    this._store.leave(this);
    this._tooltip.hide();
    for (const timer of this._timers.values()) clearTimeout(timer);
    this._timers.clear();
    cancelAnimationFrame(this._frame);
    this._root.remove();
  }

  _listen() {
    const { signal } = this._stop;
    const on = { signal };
    window.addEventListener("keydown", (event) => this._keepFromNotebook(event), { signal, capture: true });
    this._scroller.addEventListener("scroll", () => this._onScroll(), { signal, passive: true });
    this._root.addEventListener("scroll", (event) => this._scrollBack(event.target), { signal, capture: true });
    this._scroller.addEventListener("wheel", (event) => this._onWheel(event), { signal, passive: false });
    this._scroller.addEventListener("touchstart", () => this._onTouch(true), { signal, passive: true });
    this._scroller.addEventListener("touchend", () => this._onTouch(false), { signal, passive: true });
    this._scroller.addEventListener("touchcancel", () => this._onTouch(false), { signal, passive: true });
    this._scroller.addEventListener("keydown", (event) => this._onKey(event), on);
    this._scroller.addEventListener("focus", () => this._onFocus(), on);
    this._scroller.addEventListener("blur", () => { this._tooltip.hide(); this._paintSoon(); }, on);
    this._scroller.addEventListener("pointerdown", (event) => this._onPress(event), on);
    this._scroller.addEventListener("click", (event) => this._onClick(event), on);
    this._scroller.addEventListener("dblclick", (event) => this._onDoubleClick(event), on);
    this._scroller.addEventListener("pointerover", (event) => this._onHover(event), on);
    this._scroller.addEventListener("pointerleave", () => this._tooltip.hideSoon(), on);
    this._tooltip.node.addEventListener("pointerenter", () => this._tooltip.stay(), on);
    this._tooltip.node.addEventListener("pointerleave", () => this._tooltip.hideSoon(), on);
    this._tools.search.addEventListener("input", () => this._onInput(), on);
    this._tools.search.addEventListener("keydown", (event) => this._onSearchKey(event), on);
    const tools = this._tools;
    tools.show.addEventListener("change", () => this._change("show", { which: tools.show.value }, true), on);
    tools.sort.addEventListener("change", () => this._change("sort", { by: tools.sort.value }, true), on);
    tools.expandAll.addEventListener("click", () => this._change("expand_all", { open: true }), on);
    tools.collapseAll.addEventListener("click", () => this._change("expand_all", { open: false }, true), on);
    tools.tickShown.addEventListener("click", () => this._change("tick_shown", { on: true }), on);
    tools.untickShown.addEventListener("click", () => this._change("tick_shown", { on: false }), on);
    tools.clearTicks.addEventListener("click", () => this._change("clear_ticks"), on);
  }

  /**
   * @param {string} name one timer of a name runs at a time
   * @param {() => void} act
   * @param {number} ms
   */
  _later(name, act, ms) {
    clearTimeout(this._timers.get(name));
    this._timers.set(name, setTimeout(() => { this._timers.delete(name); act(); }, ms));
  }

  // -- what the kernel answers

  /**
   * @param {Reply} reply
   * @param {boolean} mayFocus
   */
  onReply(reply, mayFocus) {
    const store = this._store;
    const isOwn = reply.session === store.session;
    if (isOwn && this._windowSeq > 0 && reply.ack >= this._windowSeq) this._windowSeq = 0;
    const goesToTop = isOwn && this._topSeq > 0 && reply.ack >= this._topSeq;
    if (goesToTop) this._topSeq = 0;
    this._resize();
    if (reply.focus !== null && mayFocus) this._moveTo(reply.focus);
    else if (goesToTop) this._moveTo(0);
    else this._followFocused(reply);
    this.showStatus();
    this._paintSoon();
    this._playKeys();
  }

  /** Stay with the focused object where rows came or went above it. @param {Reply} reply */
  _followFocused(reply) {
    const last = Math.max(0, this._store.total - 1);
    if (this._focusedId !== "" && this._store.row(this._index)?.id !== this._focusedId) {
      const at = reply.rows.findIndex((row) => row?.id === this._focusedId);
      if (at !== -1) {
        const moved = reply.start + at - this._index;
        this._index += moved;
        this._setTop(this.top + moved);
      }
    }
    if (this._index > last) this._index = last;
    this._rememberFocused();
  }

  _rememberFocused() {
    // While rows may still come or go, the row at this place is not the one that the user will see there.
    const isCertain = this._store.isFresh(this._index) && !this._store.isWaitingFor("expand", "expand_all", "siblings");
    this._focusedId = isCertain ? (this._store.row(this._index)?.id ?? "") : "";
  }

  onSilence() {
    this._held = []; // what was typed long ago is not done all at once
    this.showStatus();
  }

  showStatus() {
    const { status, total, isSilent, hasRows } = this._store;
    this._root.classList.toggle("dbxe-tree-read-only", status.read_only);
    setText(this._banner, isSilent ? SILENCE : "");
    this._tools.showStatus(this._store);
    if (!this._store.isWaitingFor("sort")) this._header.showSort(status.sort);
    const { search } = this._tools;
    const isTyping = document.activeElement === search || this._timers.has("search");
    if (!isTyping && !this._store.isWaitingFor("search")) {
      search.value = status.query;
      this._sentQuery = status.query;
    }
    const nothing = status.query === "" && status.show === "all" ? "No objects" : "No object matches";
    setText(this._message, visibleString(status.message || (hasRows ? nothing : "Loading…")));
    this._message.hidden = total > 0;
    this._layOutColumns();
  }

  // -- sizes and scrolling

  _height() {
    const height = this._model.get("height");
    return typeof height === "number" && height >= ROW_HEIGHT ? height : DEFAULT_HEIGHT;
  }

  _measure() {
    this._tellWidth();
    this._scroller.style.height = `${this._height()}px`;
    this._resize();
    this._layOutColumns();
    this._setTop(this.top);
  }

  /**
   * JupyterLab takes arrows and letters for its own shortcuts unless the element that has the focus says otherwise;
   * in the whole Explorer they are for what is focused. Shortcuts with Ctrl, and running the cell, stay the notebook's.
   *
   * @param {KeyboardEvent} event
   */
  _keepFromNotebook(event) {
    const { target } = event;
    if (!(target instanceof Element) || !this._around().contains(target)) return;
    const isNotebooks = event.ctrlKey || event.metaKey || (event.shiftKey && event.key === "Enter");
    target.toggleAttribute("data-lm-suppress-shortcuts", !isNotebooks);
  }

  /** Return the Explorer, or this tree where it is shown by itself. */
  _around() {
    /** @type {Element} */
    let around = this._root;
    for (let next = around.closest(".dbxe"); next; next = next.parentElement?.closest(".dbxe") ?? null) around = next;
    return around;
  }

  /** Tell the kernel how wide the page is around the tree: what is drawn there by others cannot see it. */
  _tellWidth() {
    const width = Math.round(this._around().clientWidth);
    const known = this._model.get("page_width");
    if (width === 0 || (typeof known === "number" && Math.abs(known - width) < LEAST_WIDTH_CHANGE)) return;
    this._model.set("page_width", width);
    this._model.save_changes();
  }

  /** Fit the spacer to the number of rows. */
  _resize() {
    // A view that is not on the page yet has no height of its own.
    const viewport = this._scroller.clientHeight || this._height();
    const before = this._geometry;
    if (before.total === this._store.total && before.viewport === viewport && this._rowCount > 0) return;
    this._geometry = geometry(this._store.total, ROW_HEIGHT, viewport);
    this._rowCount = Math.ceil(viewport / ROW_HEIGHT) + 1 + 2 * DRAWN_BEYOND;
    this._layer.style.height = `${viewport}px`;
    this._spacer.style.height = `${this._geometry.maxScroll}px`;
    // An empty tree has no rows to stand for, and then says so in its message.
    setAttribute(this._scroller, "aria-busy", this._store.total === 0 ? "true" : null);
    this._setTop(this.top);
  }

  _layOutColumns() {
    const width = this._scroller.clientWidth;
    if (width === 0) return;
    this._header.node.style.paddingInlineEnd = `${this._scroller.offsetWidth - this._scroller.clientWidth}px`;
    this._header.layOut(width, this._store.status.has_verdicts, this._stop.signal);
  }

  /** @param {Record<string, number>} shares that the next view of this tree begins with */
  _keepColumns(shares) {
    this._model.set("columns", shares);
    this._model.save_changes();
  }

  /**
   * Return how wide a column has to be for its title and for what the drawn rows have in it.
   *
   * @param {string} key
   */
  _neededWidth(key) {
    this._root.classList.add("dbxe-tree-measured");
    const cells = this._root.querySelectorAll(`[data-column="${key}"], .dbxe-tree-row .dbxe-tree-${key}`);
    const widths = Array.from(cells, (cell) => cell.getBoundingClientRect().width);
    this._root.classList.remove("dbxe-tree-measured");
    return Math.ceil(Math.max(0, ...widths));
  }

  /** @param {number} top */
  _setTop(top) {
    this.top = clamp(top, 0, this._geometry.maxRow);
    const scroll = Math.round(scrollAtRow(this.top, this._geometry));
    if (!this._isTouching && Math.abs(scroll - this._scroller.scrollTop) >= 1) this._scroller.scrollTop = scroll;
    this._scrollSet = scroll;
    this._paintSoon();
  }

  _onScroll() {
    const { scrollTop } = this._scroller;
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
    this._paintSoon();
  }

  /**
   * Only the scroller scrolls: what brings a row into view by itself also scrolls boxes that merely hide what is
   * beyond them, and nobody could scroll those back.
   *
   * @param {EventTarget | null} target
   */
  _scrollBack(target) {
    if (!(target instanceof HTMLElement) || target.matches("input, select, .dbxe-tree-scroller")) return;
    target.scrollTop = 0;
    target.scrollLeft = 0;
  }

  /** @param {boolean} isHeld whether a finger is down; what it has set going goes on without it */
  _onTouch(isHeld) {
    this._isTouching = true;
    this._isHeld = isHeld;
    if (isHeld) clearTimeout(this._timers.get("touch"));
    else this._later("touch", () => this._onTouchRest(), TOUCH_REST_MS);
  }

  _onTouchRest() {
    this._isTouching = false;
    this._setTop(this.top);
  }

  /**
   * Where the scrollbar stands for more rows than it has pixels, the wheel still moves row by row.
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

  _paintSoon() {
    if (this._frame === 0 && !this._stop.signal.aborted) {
      this._frame = requestAnimationFrame(() => { this._frame = 0; this._paint(); });
    }
  }

  _paint() {
    const { total } = this._store;
    const first = clamp(Math.floor(this.top) - DRAWN_BEYOND, 0, Math.max(0, total - this._rowCount));
    const count = Math.min(this._rowCount, total);
    this._arrange(first, count);
    // Rows are placed from a base near them: their places stay small numbers, and most rows stay where they are.
    if (Math.abs(first - this._base) > 5000) this._base = first;
    this._rows.style.transform = `translateY(${(this._base - this.top) * ROW_HEIGHT}px)`;
    const { query, read_only: readOnly } = this._store.status;
    /** @type {string | null} */
    let active = null;
    for (const slot of this._slots) {
      const isActive = slot.index === this._index;
      slot.place(slot.index, (slot.index - this._base) * ROW_HEIGHT);
      const row = this._store.row(slot.index);
      if (this._tooltip.owner === slot && row?.id !== slot.row?.id) this._tooltip.hide();
      slot.draw(row, { query, readOnly, isActive });
      if (isActive) active = slot.node.id;
    }
    setAttribute(this._scroller, "aria-activedescendant", active);
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
      lastId += 1;
      const slot = new RowView(`${this._id}-${lastId}`);
      slots.push(slot);
      this._rows.append(slot.node);
    }
    while (slots.length > count) slots.pop()?.node.remove();
    const moved = first - (slots[0]?.index ?? first);
    if (Math.abs(moved) < count) {
      for (let i = 0; i < moved; i += 1) this._turn(slots.shift(), "append");
      for (let i = 0; i < -moved; i += 1) this._turn(slots.pop(), "prepend");
    }
    slots.forEach((slot, i) => { slot.index = first + i; });
  }

  /**
   * @param {RowView | undefined} slot
   * @param {"append" | "prepend"} where
   */
  _turn(slot, where) {
    if (!slot) return;
    if (this._tooltip.owner === slot) this._tooltip.hide();
    this._slots[where === "append" ? "push" : "unshift"](slot);
    this._rows[where](slot.node);
  }

  /** Ask for rows that are visible, or nearly, and not loaded: one window at a time. */
  _fetch() {
    const store = this._store;
    if (this._windowSeq > 0 || store.isWaitingFor("hello") || store.total === 0 || this._timers.has("stall")) return;
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
    // The same window again: the kernel did not give these rows, so it is asked less and less often.
    if (this._stalls > 0 && !this._isRetry) {
      const pause = STALL_MS * 2 ** Math.min(this._stalls, 6);
      this._later("stall", () => this._retryWindow(), pause);
      return;
    }
    this._windowSeq = store.send(this, "window", wanted);
  }

  _retryWindow() {
    this._isRetry = true;
    this._fetch();
    this._isRetry = false;
  }

  // -- moving and acting

  /** @param {number} index */
  _moveTo(index) {
    this._index = clamp(index, 0, Math.max(0, this._store.total - 1));
    this._rememberFocused();
    this._setTop(topToShow(this._index, this.top, this._geometry));
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const action = this._decide(event);
    if (action === null) return;
    event.preventDefault();
    event.stopPropagation();
    const { key, ctrlKey, altKey, metaKey, shiftKey, isComposing } = event;
    if (action.type === "escape") this._act(action);
    else if (this._held.length < MOST_HELD_KEYS) this._held.push({ key, ctrlKey, altKey, metaKey, shiftKey, isComposing });
    this._playKeys();
  }

  /** @param {Key} key */
  _decide(key) {
    const page = Math.floor(this._geometry.viewport / ROW_HEIGHT) - 1;
    const { total, status } = this._store;
    const row = this._store.row(this._index);
    return decideKey(key, { index: this._index, total, page, row, readOnly: status.read_only });
  }

  /**
   * Do what the held keys say, in order. While rows come and go, a key waits: it is meant for the row that will be
   * there, and a tick must not land on another one.
   */
  _playKeys() {
    for (let key = this._held[0]; key !== undefined; key = this._held[0]) {
      if (this._store.isWaitingFor("expand", "expand_all", "siblings", "search", "show", "sort", "find")) return;
      const isLoaded = this._store.row(this._index) !== undefined;
      if (KEYS_ON_A_ROW.includes(key.key) && !isLoaded && this._store.total > 0) return;
      const action = this._decide(key);
      this._held.shift();
      if (action !== null) this._act(action);
    }
  }

  /** @param {NonNullable<ReturnType<typeof decideKey>>} action */
  _act(action) {
    const row = this._store.row(this._index);
    if (action.type !== "escape") this._tooltip.hide();
    if (action.type === "move") this._moveTo(action.to);
    else if (action.type === "escape") this._onEscape();
    else if (action.type === "type") this._onLetter(action.char);
    else if (row && action.type === "open") this._open(this._index, action.open);
    else if (row && action.type === "tick") this._tick(this._index);
    else if (row && action.type === "siblings") this._openSiblings(row.id);
    else if (row && action.type === "select") {
      this._select(this._index);
      if (action.toggle) this._open(this._index, row.open !== true);
    }
    this._later("describe", () => this._describeActive(), TOOLTIP_MS);
  }

  _onFocus() {
    if (this._scroller.matches(":focus-visible")) this._later("describe", () => this._describeActive(), TOOLTIP_MS);
    this._paintSoon();
  }

  _describeActive() {
    const slot = this._slots.find((s) => s.index === this._index);
    if (slot && this._scroller.matches(":focus-visible") && !this._isEscaped) this._tooltip.show(slot);
    this._isEscaped = false;
  }

  _onEscape() {
    clearTimeout(this._timers.get("describe"));
    this._isEscaped = true;
    if (this._tooltip.isShown) this._tooltip.hide();
    else if (this._tools.search.value !== "") this._clearSearch();
  }

  /** @param {string} char */
  _onLetter(char) {
    const now = performance.now();
    const { text, typed, from } = typeAhead(this._typed, char, now, this._index);
    this._typed = { text: typed, at: now };
    const { total } = this._store;
    if (total === 0) return;
    // Among rows that are all here, the kernel need not be asked.
    const found = findAmongLoaded(text, from % total, total, (index) =>
      this._store.isFresh(index) ? this._store.row(index)?.name : undefined,
    );
    if (found === null) this._askFor(text, from % total);
    else if (found >= 0) this._moveTo(found);
  }

  /**
   * @param {string} text
   * @param {number} from
   */
  _askFor(text, from) {
    const seq = this._store.send(this, "find", { text, from });
    if (seq > 0) this._store.asked = { view: this, seq };
  }

  /**
   * @param {number} index
   * @param {boolean} open
   */
  _open(index, open) {
    const row = this._store.row(index);
    if (row && row.open !== null && this._change("expand", { id: row.id, open })) this._store.guess(index, { open });
  }

  /** @param {string} id */
  _openSiblings(id) {
    // Rows come above this one too, and the kernel knows where it is then.
    if (this._change("siblings", { id })) this._store.asked = { view: this, seq: this._windowSeq };
  }

  /** @param {number} index */
  _tick(index) {
    const row = this._store.row(index);
    if (!row || this._store.status.read_only) return;
    const on = row.tick !== "on";
    if (this._change("tick", { id: row.id, on })) this._store.guess(index, { tick: on ? "on" : "off" });
  }

  /** @param {number} index */
  _select(index) {
    const row = this._store.row(index);
    if (row && this._change("select", { id: row.id })) this._store.guessSelected(row.id);
  }

  /**
   * Send an intent after which rows are others, and ask for those to be seen then; return whether it could be sent.
   *
   * @param {string} type
   * @param {Record<string, unknown>} fields
   * @param {boolean} fromTop whether the new rows are looked at from the first
   * @returns {boolean}
   */
  _change(type, fields = {}, fromTop = false) {
    const seq = this._store.send(this, type, fields);
    if (seq === 0) return false;
    if (fromTop) this._topSeq = seq;
    const start = fromTop ? 0 : Math.max(0, Math.floor(this.top) - SEEN_BEYOND);
    const count = Math.ceil(this._geometry.viewport / ROW_HEIGHT) + 2 * SEEN_BEYOND;
    this._windowSeq = this._store.send(this, "window", { start, count });
    this._paintSoon();
    return true;
  }

  // -- the pointer

  /** @param {Event} event */
  _slotOf(event) {
    const node = event.target instanceof Element ? event.target.closest(".dbxe-tree-row") : null;
    return node ? this._slots.find((slot) => slot.node === node) : undefined;
  }

  /** @param {Event} event */
  _partOf(event) {
    const part = event.target instanceof Element ? event.target.closest("[data-part]") : null;
    return part instanceof HTMLElement ? (part.dataset.part ?? "") : "";
  }

  /** @param {Event} event */
  _onPress(event) {
    this._pressed = this._slotOf(event)?.row?.id ?? "";
  }

  /** @param {MouseEvent} event */
  _onClick(event) {
    const slot = this._slotOf(event);
    if (!slot?.row) return;
    const { index, row } = slot;
    const isMeant = isMeantFor(this._pressed, row.id, event.detail);
    if (event.detail <= 1 || !isMeant) this._clicked = isMeant ? row.id : "";
    if (!isMeant) return;
    const part = this._partOf(event);
    this._index = index;
    this._rememberFocused();
    if (part === "twisty" && row.open !== null) this._open(index, !row.open);
    else if (part === "tick") this._tick(index);
    else this._select(index);
    this._paintSoon();
  }

  /** @param {MouseEvent} event */
  _onDoubleClick(event) {
    const slot = this._slotOf(event);
    if (!slot?.row || slot.row.id !== this._clicked) return;
    if (slot.row.open !== null && this._partOf(event) === "") this._open(slot.index, !slot.row.open);
  }

  /** @param {PointerEvent} event */
  _onHover(event) {
    if (event.pointerType === "touch") return;
    const slot = this._slotOf(event);
    if (slot) this._tooltip.showSoon(slot);
  }

  // -- the search

  _onInput() {
    const { search } = this._tools;
    if (holdsSecret(search.value)) {
      // What is searched for is a part of the notebook's saved state.
      search.value = "";
      search.placeholder = "That looked like a secret, so it was removed";
    }
    const now = performance.now();
    const isIdle = now - this._lastInput > SEARCH_PAUSE_MS && !this._store.isWaitingFor("search");
    this._lastInput = now;
    if (isIdle) this._sendSearch();
    else this._later("search", () => this._sendSearch(), SEARCH_PAUSE_MS);
  }

  _sendSearch() {
    const text = this._tools.search.value;
    if (text === this._sentQuery) return;
    if (this._change("search", { text }, true)) this._sentQuery = text;
  }

  _clearSearch() {
    clearTimeout(this._timers.get("search"));
    this._timers.delete("search");
    this._tools.search.value = "";
    this._sendSearch();
  }

  /** @param {KeyboardEvent} event */
  _onSearchKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // The notebook has shortcuts of one letter.
    event.stopPropagation();
    const isEscape = event.key === "Escape";
    if (!isEscape && event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    if (isEscape) this._clearSearch();
    this._scroller.focus();
  }
}

/**
 * @param {{ model: Model, el: HTMLElement }} context
 * @returns {() => void} what takes the tree away again
 */
function render({ model, el }) {
  try {
    const view = new View(model, el);
    return () => view.remove();
  } catch (error) {
    console.error(error);
    const reason = error instanceof Error ? error.message : String(error);
    el.replaceChildren(`The catalog tree cannot be shown here: ${reason}`);
    return () => el.replaceChildren();
  }
}

export default { render };
