// Words for a row: its type, verdict and comment, and its label for a screen reader.

import { visibleString } from "./text.js";

/** @import { Row, Verdict } from "./reply.js" */

/** @type {Record<Verdict, { symbol: string, word: string }>} */
const VERDICTS = {
  in: { symbol: "✓", word: "included" },
  out: { symbol: "✗", word: "excluded" },
  some: { symbol: "◐", word: "partial" },
  "": { symbol: "", word: "" },
};
const LONGEST_COMMENT = 160;

/**
 * Return the symbol and the word of a row's verdict, and what is between the word and the reason.
 *
 * The reason of an included container counts what is included, so that the word would be there twice.
 *
 * @param {Pick<Row, "verdict" | "why" | "open">} row
 */
export function verdictOf({ verdict, why, open }) {
  const { symbol, word } = VERDICTS[verdict];
  const isCounted = open !== null && why !== "";
  return { symbol, word: verdict === "in" && isCounted ? "" : word, separator: isCounted ? " · " : ": " };
}

/**
 * Return a verdict and its whole reason as one text.
 *
 * @param {Pick<Row, "verdict" | "why" | "open">} row
 */
export function verdictText(row) {
  const { word, separator } = verdictOf(row);
  return [word, visibleString(row.why)].filter((part) => part !== "").join(separator);
}

/**
 * Return the type of an object as a column shows it, without its kind, which the icon shows; "" for a container.
 *
 * @param {Pick<Row, "type" | "kind" | "open">} row
 */
export function shortType({ type, kind, open }) {
  if (open !== null) return "";
  return type.endsWith(` ${kind}`) ? type.slice(0, -kind.length - 1) : type;
}

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
 * Return the label of a row for a screen reader.
 *
 * It contains what the row shows, in the same order, so that voice control finds a row by what is visible, with whole
 * sentences where a column has room for a few words only. What the row shows as an icon is in brackets.
 *
 * @param {Row} row
 */
export function rowLabel(row) {
  const kind = row.kind === "notebooks" ? "workspace notebooks" : row.kind;
  // The type is often the kind itself.
  const icons = [row.type.toLowerCase() === kind ? "" : kind, row.warn].filter((part) => part !== "");
  const shown = icons.length > 0 ? ` (${visibleString(icons.join(", "))})` : "";
  const rest = [verdictText(row), visibleString(row.type), visibleString(row.holds), shortComment(row.comment)];
  return [visibleString(row.name) + shown, ...rest].filter((part) => part !== "").join(", ");
}
