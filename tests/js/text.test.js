import assert from "node:assert/strict";
import { test } from "node:test";

import { holdsSecret, visibleString, visibleText } from "#tree/text.js";
import { below, numbers, pick } from "./samples.js";

const HALF_A_PAIR = /\p{Surrogate}/u;

test("ordinary names of any script stay one plain piece", () => {
  const scripts = ["orders", "prod-mumbai.v2", "日本語のテーブル", "مرحبا بالعالم", "naïve café", "e\u0301", "數據 表"];
  for (const name of [...scripts, "🏳️‍🌈 flags 👩‍👩‍👧‍👦", "👍🏽"]) {
    assert.deepEqual(visibleText(name), [{ text: name, symbol: false }]);
  }
  assert.deepEqual(visibleText(""), []);
});

test("line breaks and control characters are shown as symbols", () => {
  assert.deepEqual(visibleText("a\nb"), [
    { text: "a", symbol: false },
    { text: "␤", symbol: true },
    { text: "b", symbol: false },
  ]);
  assert.equal(visibleString("\t\r\0\x1b\x7f"), "␉␍␀␛␡");
  assert.equal(visibleString("\u0085"), "U+0085");
});

test("marks that turn the direction, or that show nothing, are shown as their code points", () => {
  const cases = {
    "\u202e": "U+202E",
    "\u2066": "U+2066",
    "\u200f": "U+200F",
    "\u061c": "U+061C",
    "\u200b": "U+200B",
    "\ufeff": "U+FEFF",
    "\u00ad": "U+00AD",
    "\u00a0": "U+00A0",
    "\u2003": "U+2003",
    "\u3164": "U+3164",
    "\u2028": "U+2028",
    "\u{e0041}": "U+E0041",
  };
  for (const [character, shown] of Object.entries(cases)) {
    assert.deepEqual(visibleText(`x${character}y`)[1], { text: shown, symbol: true });
  }
});

test("a joiner is plain between pictures only", () => {
  assert.equal(visibleString("👩‍👧"), "👩‍👧");
  assert.equal(visibleString("a\u200db"), "aU+200Db");
  assert.equal(visibleString("👩\u200d"), "👩U+200D");
});

test("half a surrogate pair is shown as a replacement", () => {
  assert.equal(visibleString("a\ud800b"), "a�b");
  assert.equal(visibleString("\udc00"), "�");
});

test("no text shows a character that could turn or break a line", () => {
  const alphabet = ["a", "\n", "\u202e", "\u2069", "\u0000", "😀", "\ud83d", "\u200d", "é", " ", "\u2029", "\u009b"];
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = numbers(seed);
    const text = Array.from({ length: below(random, 40) }, () => pick(random, alphabet)).join("");
    const shown = visibleString(text);
    assert.doesNotMatch(shown, /[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]/u);
    assert.doesNotMatch(shown, HALF_A_PAIR);
    const plain = visibleText(text).filter((piece) => !piece.symbol);
    assert.ok(plain.every((piece) => piece.text !== "" && text.includes(piece.text)));
  }
});

test("a token is recognised, a name is not mistaken for one", () => {
  const token = `${"da"}pi${"0123456789ab".repeat(3)}`;
  assert.ok(holdsSecret(`Bearer ${token}`));
  assert.ok(holdsSecret(`${"ey"}Jhbgciojub25lin.${"a".repeat(12)}.x`));
  for (const name of ["dapi", "rapid_events", "orders_2024", "dapi_keys_0123"]) assert.ok(!holdsSecret(name));
});
