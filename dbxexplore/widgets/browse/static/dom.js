// Elements made and changed. Text of the workspace is only ever set as text.

import { highlightParts, pathEnd, splitParts } from "./highlight.js";
import { visibleText } from "./text.js";

/**
 * @import { Part } from "./highlight.js"
 * @import { Row } from "./reply.js"
 */

// Each tree of a page runs a copy of this code, so a number alone would not be unique.
const COPY = Math.random().toString(36).slice(2);
let lastId = 0;

/** Return an id that no other element of the page has. */
export function newId() {
  lastId += 1;
  return `dbxe-tree-${COPY}-${lastId}`;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} name the class, without its prefix
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, name, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (name !== "") node.className = `dbxe-tree-${name}`;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/**
 * Return an SVG of one path on a grid of 16 × 16, and the path.
 *
 * @param {string} name the class, without its prefix
 * @param {string} d
 */
export function outline(name, d = "") {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `dbxe-tree-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", d);
  svg.append(path);
  return { svg, path };
}

/**
 * Set text only where it differs: writing it again would lay the row out again.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string | null} value null removes the attribute */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Return parts of a name as nodes, with every character visible and the matches of a search marked.
 *
 * @param {readonly Part[]} parts
 * @returns {Node[]}
 */
export function visibleNodes(parts) {
  return parts.flatMap((part) => {
    const pieces = visibleText(part.text).map((piece) =>
      piece.symbol ? element("span", "symbol", {}, piece.text) : document.createTextNode(piece.text),
    );
    return part.hit ? [element("mark", "hit", {}, ...pieces)] : pieces;
  });
}

/**
 * Show the name of a row; a path is in two parts, so that its middle is left out where it is too long.
 *
 * @param {HTMLElement} parent
 * @param {Row} row
 * @param {string} query
 */
export function showName(parent, row, query) {
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

/**
 * Return whether a node, or a part of it, is too narrow for its text.
 *
 * @param {Element} node
 */
export function isCut(node) {
  return [node, ...node.children].some((part) => part.scrollWidth > part.clientWidth && part.clientWidth > 0);
}
