// What the catalog tree decides, without a page: everything here is a function of its arguments.

/**
 * @typedef {"catalog"|"schema"|"table"|"view"|"notebook"|"notebooks"|"folder"} Kind
 * @typedef {"on"|"off"|"mixed"} Tick
 * @typedef {"in"|"out"|"some"|""} Verdict
 * @typedef {{
 *   id: string, level: number, kind: Kind, name: string, open: boolean | null, tick: Tick, verdict: Verdict,
 *   why: string, why_short: string, type: string, holds: string, holds_short: string, comment: string, warn: string,
 *   pos: number, of: number, parent: number, selected: boolean,
 * }} Row
 * @typedef {{
 *   query: string, show: string, sort: string, ticked: string, found: string, read_only: boolean,
 *   has_verdicts: boolean, has_updates: boolean, can_show_changed: boolean, message: string,
 * }} Status
 * @typedef {{
 *   session: string, ack: number, version: number, total: number, start: number, rows: (Row | null)[],
 *   focus: number | null, status: Status,
 * }} Reply
 * @typedef {{ seq: number, type: string, [field: string]: unknown }} Intent
 * @typedef {{ intent: Intent, owner: object }} Queued
 * @typedef {{ text: string, symbol: boolean }} Piece
 * @typedef {{ text: string, hit: boolean }} Part
 * @typedef {{
 *   total: number, rowHeight: number, viewport: number, content: number, maxScroll: number, maxRow: number,
 *   compressed: boolean,
 * }} Geometry
 * @typedef {{ key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean }} Key
 * @typedef {{ index: number, total: number, page: number, row: Row | undefined, readOnly: boolean }} KeyContext
 * @typedef {{ type: "move", to: number } | { type: "open", open: boolean } | { type: "tick" }
 *   | { type: "select", toggle: boolean } | { type: "siblings" } | { type: "type", char: string }
 *   | { type: "escape" } | { type: "none" }} Action
 */

/** Browsers cut elements off at 17 to 33 million pixels, so no spacer grows beyond this. */
export const MAX_CONTENT = 8_000_000;
/** So many intents may wait for the kernel; then new ones are refused until it answers. */
export const MAX_QUEUE = 50;
/** The longest window that is asked for at once; the kernel answers no longer ones. */
export const MAX_WINDOW = 200;
/** Letters typed within this time (ms) belong to one type-ahead text. */
export const TYPE_AHEAD_MS = 700;

const LONGEST_TEXT = 4000;
const DEEPEST_LEVEL = 60;

/** @type {Status} */
export const NO_STATUS = {
  query: "",
  show: "all",
  sort: "name",
  ticked: "",
  found: "",
  read_only: false,
  has_verdicts: false,
  has_updates: false,
  can_show_changed: false,
  message: "",
};

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

// ---- the queue of intents ------------------------------------------------------------------------------------------

/**
 * Return the queue with an intent added, or null when it is full.
 *
 * A window is superseded by a later one of the same view, a search by one that follows it directly: what they would
 * have fetched is no longer wanted.
 *
 * @param {readonly Queued[]} queue
 * @param {Queued} added
 * @returns {Queued[] | null}
 */
export function enqueue(queue, added) {
  const { type } = added.intent;
  let kept = [...queue];
  if (type === "window") {
    kept = kept.filter((q) => q.intent.type !== "window" || q.owner !== added.owner);
  } else if (type === "search") {
    const isFetch = (/** @type {Queued | undefined} */ q) => q?.intent.type === "search" || q?.intent.type === "window";
    while (isFetch(kept.at(-1))) kept.pop();
  }
  if (kept.length >= MAX_QUEUE) return null;
  return [...kept, added];
}

/**
 * Return what of the queue the kernel has not handled yet.
 *
 * @param {readonly Queued[]} queue
 * @param {number} ack
 * @returns {Queued[]}
 */
export function acknowledge(queue, ack) {
  return queue.filter((q) => q.intent.seq > ack);
}

// ---- replies -------------------------------------------------------------------------------------------------------

const KINDS = new Set(["catalog", "schema", "table", "view", "notebook", "notebooks", "folder"]);
const TICKS = new Set(["on", "off", "mixed"]);
const VERDICTS = new Set(["in", "out", "some", ""]);

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Read a reply of the kernel; what is malformed is replaced by something harmless and named in `problems`.
 *
 * A row that cannot be read is null, so that the rows after it keep their places.
 *
 * @param {unknown} value
 * @returns {{ reply: Reply | null, problems: string[] }}
 */
export function readReply(value) {
  /** @type {string[]} */
  const problems = [];
  if (!isRecord(value)) return { reply: null, problems: ["the reply is no object"] };
  if (Object.keys(value).length === 0) return { reply: null, problems };
  const total = readCount(value, "total", 0, problems);
  const start = readCount(value, "start", 0, problems);
  /** @type {(Row | null)[]} */
  let rows = [];
  if (Array.isArray(value.rows)) rows = value.rows.map((row, index) => readRow(row, start + index, problems));
  else if (value.rows !== undefined) problems.push("rows is no list");
  if (start + rows.length > total) rows = rows.slice(0, Math.max(0, total - start));
  const focus = value.focus ?? null;
  const hasFocus = typeof focus === "number" && Number.isInteger(focus) && focus >= 0 && focus < total;
  if (focus !== null && !hasFocus) problems.push("focus is no row");
  const reply = {
    session: readText(value, "session", "", problems),
    ack: readCount(value, "ack", 0, problems),
    version: readCount(value, "version", 0, problems),
    total,
    start,
    rows,
    focus: hasFocus ? focus : null,
    status: readStatus(value.status, problems),
  };
  return { reply, problems };
}

/**
 * @param {unknown} value
 * @param {number} index
 * @param {string[]} problems
 * @returns {Row | null}
 */
function readRow(value, index, problems) {
  if (!isRecord(value) || typeof value.id !== "string" || value.id === "" || typeof value.name !== "string") {
    problems.push(`row ${index} has no id or no name`);
    return null;
  }
  const parent = typeof value.parent === "number" && Number.isInteger(value.parent) ? value.parent : -1;
  return {
    id: value.id,
    level: clamp(readCount(value, "level", 1, problems), 1, DEEPEST_LEVEL),
    kind: /** @type {Kind} */ (readChoice(value, "kind", KINDS, "table", problems)),
    name: value.name.slice(0, LONGEST_TEXT),
    open: typeof value.open === "boolean" ? value.open : null,
    tick: /** @type {Tick} */ (readChoice(value, "tick", TICKS, "off", problems)),
    verdict: /** @type {Verdict} */ (readChoice(value, "verdict", VERDICTS, "", problems)),
    why: readText(value, "why", "", problems),
    why_short: readText(value, "why_short", "", problems),
    type: readText(value, "type", "", problems),
    holds: readText(value, "holds", "", problems),
    holds_short: readText(value, "holds_short", "", problems),
    comment: readText(value, "comment", "", problems),
    warn: readText(value, "warn", "", problems),
    pos: Math.max(1, readCount(value, "pos", 1, problems)),
    of: Math.max(1, readCount(value, "of", 1, problems)),
    // A parent stands above its child, so that walking up always ends.
    parent: parent < index ? Math.max(-1, parent) : -1,
    selected: value.selected === true,
  };
}

/**
 * @param {unknown} value
 * @param {string[]} problems
 * @returns {Status}
 */
function readStatus(value, problems) {
  if (!isRecord(value)) {
    if (value !== undefined) problems.push("status is no object");
    return { ...NO_STATUS };
  }
  return {
    query: readText(value, "query", "", problems),
    show: readText(value, "show", "all", problems),
    sort: readText(value, "sort", "name", problems),
    ticked: readText(value, "ticked", "", problems),
    found: readText(value, "found", "", problems),
    read_only: value.read_only === true,
    has_verdicts: value.has_verdicts === true,
    has_updates: value.has_updates === true,
    can_show_changed: value.can_show_changed === true,
    message: readText(value, "message", "", problems),
  };
}

/**
 * @param {Record<string, unknown>} record
 * @param {string} field
 * @param {string} otherwise
 * @param {string[]} problems
 */
function readText(record, field, otherwise, problems) {
  const value = record[field];
  if (typeof value === "string") return value.slice(0, LONGEST_TEXT);
  if (value !== undefined && value !== null) problems.push(`${field} is no text`);
  return otherwise;
}

/**
 * @param {Record<string, unknown>} record
 * @param {string} field
 * @param {number} otherwise
 * @param {string[]} problems
 */
function readCount(record, field, otherwise, problems) {
  const value = record[field];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  if (value !== undefined && value !== null) problems.push(`${field} is no count`);
  return otherwise;
}

/**
 * @param {Record<string, unknown>} record
 * @param {string} field
 * @param {ReadonlySet<string>} choices
 * @param {string} otherwise
 * @param {string[]} problems
 */
function readChoice(record, field, choices, otherwise, problems) {
  const value = record[field];
  if (typeof value === "string" && choices.has(value)) return value;
  if (value !== undefined && value !== null) problems.push(`${field} is none of the known`);
  return otherwise;
}

// ---- rows and scroll positions -------------------------------------------------------------------------------------

/**
 * Return how rows map to pixels; the mapping is proportional when the rows would need more pixels than there are.
 *
 * @param {number} total
 * @param {number} rowHeight
 * @param {number} viewport
 * @returns {Geometry}
 */
export function geometry(total, rowHeight, viewport) {
  const content = Math.max(viewport, Math.min(total * rowHeight, MAX_CONTENT));
  return {
    total,
    rowHeight,
    viewport,
    content,
    maxScroll: content - viewport,
    maxRow: Math.max(0, total - viewport / rowHeight),
    compressed: total * rowHeight > MAX_CONTENT,
  };
}

/**
 * Return the row (with its fraction) at the top of the viewport.
 *
 * @param {number} scrollTop
 * @param {Geometry} g
 */
export function rowAtScroll(scrollTop, g) {
  if (g.maxScroll <= 0 || scrollTop <= 0) return 0;
  // Zoomed pages round the largest scroll position down, and the last row must still be reached.
  if (scrollTop >= g.maxScroll - 1) return g.maxRow;
  return clamp((scrollTop / g.maxScroll) * g.maxRow, 0, g.maxRow);
}

/**
 * Return the scroll position that has a row at the top of the viewport.
 *
 * @param {number} row
 * @param {Geometry} g
 */
export function scrollAtRow(row, g) {
  if (g.maxRow <= 0) return 0;
  return (clamp(row, 0, g.maxRow) / g.maxRow) * g.maxScroll;
}

/**
 * Return the top row that brings a row wholly into view, moving as little as possible.
 *
 * @param {number} index
 * @param {number} top
 * @param {Geometry} g
 */
export function topToShow(index, top, g) {
  const rows = g.viewport / g.rowHeight;
  if (index < top || rows <= 1) return clamp(index, 0, g.maxRow);
  if (index + 1 > top + rows) return clamp(index + 1 - rows, 0, g.maxRow);
  return clamp(top, 0, g.maxRow);
}

/**
 * Return the pixels that a wheel event asks for.
 *
 * @param {{ deltaY: number, deltaMode: number }} event
 * @param {number} rowHeight
 * @param {number} viewport
 */
export function wheelPixels(event, rowHeight, viewport) {
  if (event.deltaMode === 1) return event.deltaY * rowHeight;
  if (event.deltaMode === 2) return event.deltaY * viewport;
  return event.deltaY;
}

/**
 * Return the window to ask for, or null when what is visible, and half the overscan around it, is loaded.
 *
 * @param {number} first the first visible row
 * @param {number} last the row after the last visible one
 * @param {number} total
 * @param {number} overscan
 * @param {(index: number) => boolean} isFresh
 * @returns {{ start: number, count: number } | null}
 */
export function planWindow(first, last, total, overscan, isFresh) {
  const inRange = (/** @type {number} */ row) => clamp(row, 0, total);
  const near = Math.floor(overscan / 2);
  let isMissing = false;
  for (let row = inRange(first - near); row < inRange(last + near) && !isMissing; row += 1) isMissing = !isFresh(row);
  if (!isMissing) return null;
  let start = inRange(first - overscan);
  let end = inRange(last + overscan);
  while (start < end && isFresh(start)) start += 1;
  while (end > start && isFresh(end - 1)) end -= 1;
  if (end - start > MAX_WINDOW) {
    start = clamp(Math.floor((first + last - MAX_WINDOW) / 2), start, end - MAX_WINDOW);
    end = start + MAX_WINDOW;
  }
  return { start, count: end - start };
}

// ---- names ---------------------------------------------------------------------------------------------------------

// Spaces that look like another, marks that turn the direction, and characters that show nothing at all.
const UNSEEN = new RegExp(
  "^(?:[\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180e\\u2000-\\u200f\\u2028-\\u202f" +
    "\\u205f-\\u206f\\u2800\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb]|[\\u{e0000}-\\u{e0fff}])$",
  "u",
);
const PICTURE = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u;

/**
 * Return text in pieces, where a character that nobody could see is a symbol or its code point.
 *
 * @param {string} text
 * @returns {Piece[]}
 */
export function visibleText(text) {
  /** @type {Piece[]} */
  const pieces = [];
  const characters = Array.from(text);
  let plain = "";
  characters.forEach((character, index) => {
    const joins = character === "\u200d" && PICTURE.test(characters[index - 1] ?? "");
    const symbol = joins && PICTURE.test(characters[index + 1] ?? "") ? "" : symbolFor(character);
    if (symbol === "") {
      plain += character;
      return;
    }
    if (plain !== "") pieces.push({ text: plain, symbol: false });
    plain = "";
    pieces.push({ text: symbol, symbol: true });
  });
  if (plain !== "") pieces.push({ text: plain, symbol: false });
  return pieces;
}

/**
 * @param {string} character
 * @returns {string} what stands for a character that cannot be seen, "" for one that can
 */
function symbolFor(character) {
  const code = character.codePointAt(0) ?? 0;
  if (code === 10) return "␤";
  if (code < 32) return String.fromCodePoint(0x2400 + code);
  if (code === 127) return "␡";
  if (code >= 0xd800 && code <= 0xdfff) return "�";
  const isUnseen = (code > 127 && code < 160) || UNSEEN.test(character);
  return isUnseen ? `U+${code.toString(16).toUpperCase().padStart(4, "0")}` : "";
}

/**
 * Return text as one string that shows every character, for labels.
 *
 * @param {string} text
 */
export function visibleString(text) {
  return visibleText(text)
    .map((piece) => piece.text)
    .join("");
}

/**
 * Return text in lower case, and for each of its units the place in the original: some letters change their length.
 *
 * @param {string} text
 */
function folded(text) {
  let lower = "";
  /** @type {number[]} */
  const places = [];
  let place = 0;
  for (const character of text) {
    const small = character.toLowerCase();
    for (let unit = 0; unit < small.length; unit += 1) places.push(place);
    lower += small;
    place += character.length;
  }
  places.push(place);
  return { lower, places };
}

/**
 * Return a name in parts, those that match the query marked.
 *
 * A query with a dot or a slash may name the containers too; then a name can match its beginning, a whole part or its
 * end only where the names meet: "sales.or" is the end of a schema and the beginning of what is in it.
 *
 * @param {string} text
 * @param {string} query
 * @returns {Part[]}
 */
export function highlightParts(text, query) {
  const { lower, places } = folded(text);
  /** @type {Part[]} */
  const parts = [];
  let done = 0;
  for (const [at, next] of hits(lower, query.trim().toLowerCase())) {
    const from = Math.max(done, places[at] ?? 0);
    let to = places[next] ?? text.length;
    // A match that ends within a letter takes the whole letter.
    if (to === places[next - 1]) to = places.find((place) => place > to) ?? text.length;
    if (from > done) parts.push({ text: text.slice(done, from), hit: false });
    if (to > from) parts.push({ text: text.slice(from, to), hit: true });
    done = Math.max(done, to);
  }
  if (done < text.length) parts.push({ text: text.slice(done), hit: false });
  return parts;
}

/**
 * @param {string} name
 * @param {string} query
 * @returns {[number, number][]} where the matches begin and end, in order
 */
function hits(name, query) {
  /** @type {[number, number][]} */
  const found = [];
  if (query === "") return found;
  for (let at = name.indexOf(query); at !== -1; at = name.indexOf(query, at + query.length)) {
    found.push([at, at + query.length]);
  }
  const borders = [...query.matchAll(/[./]/gu)].map((border) => border.index);
  if (found.length > 0 || borders.length === 0) return found;
  for (const border of borders) {
    const [head, tail] = [query.slice(0, border), query.slice(border + 1)];
    if (tail !== "" && name.startsWith(tail)) found.push([0, tail.length]);
    if (head !== "" && name.endsWith(head)) found.push([name.length - head.length, name.length]);
  }
  found.sort(([from, to], [otherFrom, otherTo]) => otherTo - otherFrom - (to - from));
  if (found.length > 0) return found.slice(0, 1); // the longest: the other is by chance
  return query.split(/[./]/u).slice(1, -1).includes(name) ? [[0, name.length]] : [];
}

/** So long may the end of a path be that is shown whole, in characters; its last part is always shown. */
const PATH_END = 18;

/**
 * Return where the end of a path begins: where there is no room for the whole, it is cut before, because many paths
 * begin alike.
 *
 * @param {string} path
 */
export function pathEnd(path) {
  let at = path.lastIndexOf("/");
  for (let next = at; next >= 0 && path.length - next <= PATH_END; next = path.lastIndexOf("/", next - 1)) {
    at = next;
    if (next === 0) break;
  }
  return Math.max(0, at);
}

/**
 * Return the parts of a name before a place in it and those from there on.
 *
 * @param {readonly Part[]} parts
 * @param {number} at
 * @returns {[Part[], Part[]]}
 */
export function splitParts(parts, at) {
  /** @type {[Part[], Part[]]} */
  const found = [[], []];
  let from = 0;
  for (const { text, hit } of parts) {
    const border = clamp(at - from, 0, text.length);
    if (border > 0) found[0].push({ text: text.slice(0, border), hit });
    if (border < text.length) found[1].push({ text: text.slice(border), hit });
    from += text.length;
  }
  return found;
}

/**
 * Return the type of an object as a column shows it: the icon beside the name says the kind. A container's is its kind.
 *
 * @param {Pick<Row, "type" | "kind" | "open">} row
 */
export function shortType({ type, kind, open }) {
  if (open !== null) return "";
  return type.endsWith(` ${kind}`) ? type.slice(0, -kind.length - 1) : type;
}

/** @type {Record<Verdict, { symbol: string, word: string }>} */
export const VERDICTS_SHOWN = {
  in: { symbol: "✓", word: "in" },
  out: { symbol: "✗", word: "out" },
  some: { symbol: "◐", word: "some" },
  "": { symbol: "", word: "" },
};
const LONGEST_COMMENT = 160;

/**
 * Return a comment as a row shows it; the tooltip has the whole.
 *
 * @param {string} comment
 */
export function shortComment(comment) {
  const characters = Array.from(comment);
  const isLong = characters.length > LONGEST_COMMENT;
  return visibleString(isLong ? `${characters.slice(0, LONGEST_COMMENT).join("")}…` : comment);
}

/**
 * Return what a screen reader says of a row.
 *
 * It has what the row shows, in that order, so that it can be told to a computer by voice as it is read, with whole
 * sentences where a column has room for a few words only; what the row shows as a picture stands in brackets.
 *
 * @param {Row} row
 */
export function rowLabel(row) {
  const kind = row.kind === "notebooks" ? "notebooks of the workspace" : row.kind;
  // Most often the type is the kind, and once is enough.
  const pictures = [row.type.toLowerCase() === kind ? "" : kind, row.warn].filter((part) => part !== "");
  const shown = pictures.length > 0 ? ` (${visibleString(pictures.join(", "))})` : "";
  const name = visibleString(row.name) + shown;
  const verdict = [VERDICTS_SHOWN[row.verdict].word, visibleString(row.why)].filter((part) => part !== "").join(": ");
  const rest = [verdict, visibleString(row.type), visibleString(row.holds), shortComment(row.comment)];
  return [name, ...rest].filter((part) => part !== "").join(", ");
}

// ---- keys ----------------------------------------------------------------------------------------------------------

/**
 * Return what a key does in the tree, or null when it is not the tree's.
 *
 * @param {Key} key
 * @param {KeyContext} context
 * @returns {Action | null}
 */
export function decideKey(key, context) {
  if (key.ctrlKey || key.altKey || key.metaKey) return null;
  if (key.key === "Escape") return { type: "escape" };
  const { index, total, page, row } = context;
  /** @type {(to: number) => Action} */
  const move = (to) => (total === 0 ? { type: "none" } : { type: "move", to: clamp(to, 0, total - 1) });
  switch (key.key) {
    case "ArrowDown":
      return move(index + 1);
    case "ArrowUp":
      return move(index - 1);
    case "Home":
      return move(0);
    case "End":
      return move(total - 1);
    case "PageDown":
      return move(index + Math.max(1, page));
    case "PageUp":
      return move(index - Math.max(1, page));
    case "ArrowRight":
      if (row?.open === false) return { type: "open", open: true };
      return row?.open === true ? move(index + 1) : { type: "none" };
    case "ArrowLeft":
      if (row?.open === true) return { type: "open", open: false };
      return row !== undefined && row.parent >= 0 ? move(row.parent) : { type: "none" };
    case " ":
      return row === undefined || context.readOnly ? { type: "none" } : { type: "tick" };
    case "Enter":
      return row === undefined ? { type: "none" } : { type: "select", toggle: row.open !== null };
    case "*":
      return row === undefined ? { type: "none" } : { type: "siblings" };
    default:
      return Array.from(key.key).length === 1 ? { type: "type", char: key.key } : null;
  }
}

/**
 * Return the type-ahead text after a letter, and the row that the look for it begins at.
 *
 * One letter, typed once or again and again, goes on from row to row; a longer text may stay where it is.
 *
 * @param {{ text: string, at: number }} before
 * @param {string} char
 * @param {number} now in ms
 * @param {number} index the focused row
 * @returns {{ text: string, typed: string, from: number }}
 */
export function typeAhead(before, char, now, index) {
  const typed = now - before.at <= TYPE_AHEAD_MS ? before.text + char : char;
  const isOneLetter = Array.from(typed).every((letter) => letter.toLowerCase() === char.toLowerCase());
  return isOneLetter ? { text: char, typed, from: index + 1 } : { text: typed, typed, from: index };
}

/**
 * Find the next row at or after `from`, wrapping, whose name starts with `text`.
 *
 * @param {string} text
 * @param {number} from
 * @param {number} total
 * @param {(index: number) => string | undefined} nameAt the name of a loaded row
 * @returns {number | null} the row, -1 when no row matches, null when rows that are not loaded would decide
 */
export function findAmongLoaded(text, from, total, nameAt) {
  const start = text.toLowerCase();
  for (let step = 0; step < total; step += 1) {
    const index = (from + step) % total;
    const name = nameAt(index);
    if (name === undefined) return null;
    if (name.toLowerCase().startsWith(start)) return index;
  }
  return -1;
}

// ---- the pointer ---------------------------------------------------------------------------------------------------

/**
 * Return whether a click is meant for the row that it came to: rows may have moved since the button went down.
 *
 * @param {string} pressed the row that was under the pointer then
 * @param {string} clicked
 * @param {number} clicks of the event; 0 for one that no pointer made
 */
export function isMeantFor(pressed, clicked, clicks) {
  return clicks === 0 || pressed === clicked;
}

// ---- columns -------------------------------------------------------------------------------------------------------

/** Nobody's column is so wide; a sum of such numbers is still exact. */
const LARGEST_SHARE = 10_000;

/**
 * Read the parts of the width that the columns were given earlier, null where they make no sense.
 *
 * @param {unknown} value
 * @param {readonly string[]} known the keys of the columns
 * @returns {Map<string, number> | null}
 */
export function readShares(value, known) {
  if (!isRecord(value)) return null;
  const shares = new Map(Object.entries(value));
  /** @type {(share: unknown) => boolean} */
  const isShare = (share) => typeof share === "number" && share > 0 && share <= LARGEST_SHARE;
  const isSound = shares.size === known.length && known.every((key) => isShare(shares.get(key)));
  return isSound ? /** @type {Map<string, number>} */ (shares) : null;
}

/**
 * Return widths of columns in whole pixels that fill `width`, in the proportions of `shares`.
 *
 * @param {readonly number[]} shares
 * @param {readonly number[]} least the least width of each column
 * @param {number} width
 * @returns {number[]}
 */
export function fitColumns(shares, least, width) {
  const sum = shares.reduce((a, b) => a + b, 0) || 1;
  const widths = shares.map((share, i) => Math.max(least[i] ?? 0, Math.floor((share / sum) * width)));
  // What is left or lacking goes to the widest columns first, none below its least.
  let rest = Math.floor(width) - widths.reduce((a, b) => a + b, 0);
  const order = widths.map((_, i) => i).sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0));
  for (const i of order) {
    const before = widths[i] ?? 0;
    const after = Math.max(least[i] ?? 0, before + rest);
    widths[i] = after;
    rest -= after - before;
  }
  return widths;
}

/**
 * Move the border to the right of a column; its neighbour gives or takes the room.
 *
 * @param {readonly number[]} widths
 * @param {readonly number[]} least
 * @param {number} column
 * @param {number} delta in pixels
 * @returns {number[]}
 */
export function moveBorder(widths, least, column, delta) {
  const moved = [...widths];
  const range = borderRange(widths, least, column);
  const width = clamp(range.now + delta, range.min, range.max);
  moved[column] = width;
  moved[column + 1] = (widths[column + 1] ?? 0) - (width - range.now);
  return moved;
}

/**
 * Return the least, present and greatest width of a column whose right border moves.
 *
 * @param {readonly number[]} widths
 * @param {readonly number[]} least
 * @param {number} column
 */
export function borderRange(widths, least, column) {
  const now = widths[column] ?? 0;
  const spare = (widths[column + 1] ?? 0) - (least[column + 1] ?? 0);
  const min = Math.min(now, least[column] ?? 0);
  return { min, now, max: Math.max(now, now + spare) };
}

// ---- sorting by a column's title -----------------------------------------------------------------------------------

/** What each click on a column's title sorts by in turn, and the sign that its title then has. */
const TITLE_SORTS = new Map([
  ["name", [{ by: "name", sign: "▲" }, { by: "name_desc", sign: "▼" }]],
  ["verdict", [{ by: "verdict", sign: "▲" }, { by: "name", sign: "" }]],
  ["type", [{ by: "type", sign: "▲" }, { by: "name", sign: "" }]],
]);

/**
 * @param {string} column
 * @param {string} sort what the rows are sorted by now
 * @returns {{ next: string, sign: string } | null} null for a column that nothing can be sorted by
 */
export function titleSort(column, sort) {
  const turns = TITLE_SORTS.get(column);
  if (!turns) return null;
  const now = turns.findIndex((turn) => turn.by === sort);
  return { next: turns[(now + 1) % turns.length]?.by ?? "name", sign: turns[now]?.sign ?? "" };
}

// ---- secrets -------------------------------------------------------------------------------------------------------

// As the kernel knows them: tokens and secrets of Databricks, and JSON web tokens.
const SECRET = /(?:dapi|dose|dkea)[0-9a-f]{12,}|\beyJ[\w-]{10,}\.[\w-]{10,}\./i;

/**
 * @param {string} text
 * @returns {boolean} whether it holds what can only be a secret, so that it must not be kept
 */
export function holdsSecret(text) {
  return SECRET.test(text);
}
