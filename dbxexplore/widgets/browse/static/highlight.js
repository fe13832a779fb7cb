// Names in parts: matches of a search marked, long paths cut where they differ.

import { clamp } from "./clamp.js";

/** @typedef {{ text: string, hit: boolean }} Part */

/**
 * Return text in lower case, with the place of each unit in the original: some letters change their length.
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
 * Return a name in parts, with `hit` set on those that match the query.
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
 * Return where matches begin and end, in order.
 *
 * @param {string} name
 * @param {string} query
 * @returns {[number, number][]}
 */
function hits(name, query) {
  /** @type {[number, number][]} */
  const ranges = [];
  if (query === "") return ranges;
  for (let at = name.indexOf(query); at !== -1; at = name.indexOf(query, at + query.length)) {
    ranges.push([at, at + query.length]);
  }
  const borders = [...query.matchAll(/[./]/gu)].map((border) => border.index);
  if (ranges.length > 0 || borders.length === 0) return ranges;
  for (const border of borders) {
    const [head, tail] = [query.slice(0, border), query.slice(border + 1)];
    if (tail !== "" && name.startsWith(tail)) ranges.push([0, tail.length]);
    if (head !== "" && name.endsWith(head)) ranges.push([name.length - head.length, name.length]);
  }
  ranges.sort(([from, to], [otherFrom, otherTo]) => otherTo - otherFrom - (to - from));
  if (ranges.length > 0) return ranges.slice(0, 1); // the longest: the other matches by chance
  return query.split(/[./]/u).slice(1, -1).includes(name) ? [[0, name.length]] : [];
}

/** The longest end of a path that is kept whole, in characters; the last part is always kept. */
const PATH_END = 18;

/**
 * Return where the end of a path begins: a path that is too long is cut before it, because many paths begin alike.
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
 * Return the parts of a name before a place in it, and the parts from there on.
 *
 * @param {readonly Part[]} parts
 * @param {number} at
 * @returns {[Part[], Part[]]}
 */
export function splitParts(parts, at) {
  /** @type {[Part[], Part[]]} */
  const halves = [[], []];
  let from = 0;
  for (const { text, hit } of parts) {
    const border = clamp(at - from, 0, text.length);
    if (border > 0) halves[0].push({ text: text.slice(0, border), hit });
    if (border < text.length) halves[1].push({ text: text.slice(border), hit });
    from += text.length;
  }
  return halves;
}
