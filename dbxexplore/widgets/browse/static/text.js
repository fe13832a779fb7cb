// Text from the workspace made visible, and secrets recognised.

/** @typedef {{ text: string, symbol: boolean }} Piece */

// Spaces that look like others, marks that change the direction, and characters that are invisible.
const UNSEEN = new RegExp(
  "^(?:[\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180e\\u2000-\\u200f\\u2028-\\u202f" +
    "\\u205f-\\u206f\\u2800\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb]|[\\u{e0000}-\\u{e0fff}])$",
  "u",
);
const PICTURE = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u;

/**
 * Return text in pieces; an invisible character is a piece of its own, as a symbol or its code point.
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
 * Return what to show for an invisible character, "" for a visible one.
 *
 * @param {string} character
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
 * Return text as one string with every character visible, for labels.
 *
 * @param {string} text
 */
export function visibleString(text) {
  return visibleText(text)
    .map((piece) => piece.text)
    .join("");
}

// The same as in the kernel: tokens and secrets of Databricks, and JSON web tokens.
const SECRET = /(?:dapi|dose|dkea)[0-9a-f]{12,}|\beyJ[\w-]{10,}\.[\w-]{10,}\./i;

/**
 * Return whether a text contains what can only be a secret, so that it must not be kept.
 *
 * @param {string} text
 */
export function holdsSecret(text) {
  return SECRET.test(text);
}
