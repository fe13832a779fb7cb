import assert from "node:assert/strict";
import { test } from "node:test";

import {
  highlightParts,
  holdsSecret,
  pathEnd,
  rowLabel,
  shortComment,
  shortType,
  splitParts,
  visibleString,
  visibleText,
} from "../../dbxexplore/widgets/browse/static/logic.js";
import { below, madeRow, numbers, pick } from "./made.js";

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

/**
 * @param {string} text
 * @param {string} query
 */
const marked = (text, query) =>
  highlightParts(text, query)
    .map((part) => (part.hit ? `[${part.text}]` : part.text))
    .join("");

test("matches are marked whatever their case, all of them", () => {
  assert.equal(marked("Orders_of_orders", "ORDERS"), "[Orders]_of_[orders]");
  assert.equal(marked("aaa", "aa"), "[aa]a");
  assert.equal(marked("orders", "orders"), "[orders]");
});

test("nothing is marked without a match or a query", () => {
  assert.deepEqual(highlightParts("orders", ""), [{ text: "orders", hit: false }]);
  assert.deepEqual(highlightParts("orders", "  "), [{ text: "orders", hit: false }]);
  assert.deepEqual(highlightParts("orders", "x"), [{ text: "orders", hit: false }]);
  assert.deepEqual(highlightParts("", "x"), []);
});

test("a query that names containers marks its last part, unless the name holds it whole", () => {
  assert.equal(marked("orders", "main.sales.ord"), "[ord]ers");
  assert.equal(marked("etl", "/Shared/et"), "[et]l");
  assert.equal(marked("v1.2", "1.2"), "v[1.2]");
  assert.equal(marked("orders", "main."), "orders");
});

test("a query is text, not a pattern", () => {
  assert.equal(marked("a.*b", ".*"), "a[.*]b");
  assert.equal(marked("<b>$&</b>", "$&"), "<b>[$&]</b>");
});

test("letters that change their length in lower case are marked whole", () => {
  assert.equal(marked("İSTANBUL", "stan"), "İ[STAN]BUL");
  assert.equal(marked("İx", "i"), "[İ]x");
  assert.equal(marked("xİy", "\u0307y"), "x[İy]");
  assert.equal(marked("İİİ", "\u0307i"), "[İİ][İ]");
});

test("the parts of a name always make the name again", () => {
  const alphabet = ["a", "A", "b", ".", "/", "İ", "ß", "😀", "é", "\u0307"];
  for (let seed = 1; seed <= 2000; seed += 1) {
    const random = numbers(seed);
    const make = (/** @type {number} */ longest) =>
      Array.from({ length: below(random, longest) }, () => pick(random, alphabet)).join("");
    const text = make(14);
    const parts = highlightParts(text, make(4));
    assert.equal(parts.map((part) => part.text).join(""), text);
    assert.ok(parts.every((part) => part.text !== "" && !HALF_A_PAIR.test(part.text)));
  }
});

test("the label of a row says name, kind, verdict, reason, type and contents", () => {
  assert.equal(rowLabel(madeRow()), "orders (table), in: no pattern denies it, MANAGED, 12 columns");
  const warned = madeRow({ verdict: "out", why: "denied", warn: "visible, not readable", type: "", holds: "" });
  assert.equal(rowLabel(warned), "orders (table, visible, not readable), out: denied");
  const bare = madeRow({ kind: "notebooks", name: "Notebooks", verdict: "", why: "", type: "", holds: "" });
  assert.equal(rowLabel(bare), "Notebooks (notebooks of the workspace)");
});

test("the label of a row does not say the kind twice", () => {
  const row = madeRow({ type: "Table", why: "", holds: "" });
  assert.equal(rowLabel(row), "orders, in, Table");
  assert.equal(rowLabel({ ...row, warn: "visible, not readable" }), "orders (visible, not readable), in, Table");
});

test("the label of a row holds no character that a reader would not say", () => {
  assert.equal(rowLabel(madeRow({ name: "a\u202eb\n", type: "", holds: "", why: "" })), "aU+202Eb␤ (table), in");
});

test("a long comment is cut between characters", () => {
  assert.equal(shortComment("kept"), "kept");
  const short = shortComment("😀".repeat(500));
  assert.equal(short, `${"😀".repeat(160)}…`);
});

test("a query across the border of two names is marked where the names meet", () => {
  /** @type {(name: string, query: string) => string} */
  const marked = (name, query) =>
    highlightParts(name, query).map((part) => (part.hit ? `[${part.text}]` : part.text)).join("");
  assert.equal(marked("silver", "silver.o"), "[silver]");
  assert.equal(marked("old_silver", "silver.o"), "old_[silver]");
  assert.equal(marked("orders_old", "silver.o"), "[o]rders_old");
  assert.equal(marked("prod", "silver.o"), "prod");
  assert.equal(marked("gold", "prod.gold.or"), "[gold]");
  assert.equal(marked("prod_mumbai", "prod.gold"), "prod_mumbai");
  assert.equal(marked("a.b", "A.B"), "[a.b]");
  assert.equal(marked("etl", "shared/etl"), "[etl]");
});

test("the end of a path that stays whole is its last part, and what fits before it", () => {
  /** @type {(path: string) => string} */
  const end = (path) => path.slice(pathEnd(path));
  assert.equal(end("/Users/engineer@example.com"), "/engineer@example.com");
  assert.equal(end("/Users/engineer@example.com/Drafts/x"), "/Drafts/x");
  assert.equal(end("/Repos/data-platform/lakehouse/notebooks"), "/notebooks");
  assert.equal(end("/Shared/ingest/tmp"), "/Shared/ingest/tmp");
  assert.equal(end("/"), "/");
  assert.equal(end("no path at all, and a long one"), "no path at all, and a long one");
  assert.equal(end("/Users/a/"), "/Users/a/");
  assert.equal(end(""), "");
});

test("a name that is divided has the same parts and the same matches", () => {
  const alphabet = ["a", "b", "/", "😀", "/a"];
  for (let seed = 1; seed <= 500; seed += 1) {
    const random = numbers(seed);
    const make = (/** @type {number} */ longest) =>
      Array.from({ length: below(random, longest) }, () => pick(random, alphabet)).join("");
    const text = make(30);
    const parts = highlightParts(text, make(4));
    const [head, tail] = splitParts(parts, pathEnd(text));
    const marks = (/** @type {readonly import("../../dbxexplore/widgets/browse/static/logic.js").Part[]} */ of) =>
      of.map((part) => (part.hit ? "x" : ".").repeat(part.text.length)).join("");
    assert.equal(head.map((part) => part.text).join(""), text.slice(0, pathEnd(text)));
    assert.equal(marks([...head, ...tail]), marks(parts));
    assert.ok([...head, ...tail].every((part) => part.text !== ""));
  }
});

test("a column shows the type of an object without its kind, and none of a container", () => {
  /** @type {(type: string, kind: import("../../dbxexplore/widgets/browse/static/logic.js").Kind) => string} */
  const shown = (type, kind) => shortType(madeRow({ type, kind }));
  assert.equal(shown("managed table", "table"), "managed");
  assert.equal(shown("materialized view", "view"), "materialized");
  assert.equal(shown("python notebook", "notebook"), "python");
  assert.equal(shown("table", "table"), "table");
  assert.equal(shortType(madeRow({ type: "managed catalog", kind: "catalog", open: false })), "");
});

test("a token is told from a name", () => {
  const token = `${"da"}pi${"0123456789ab".repeat(3)}`;
  assert.ok(holdsSecret(`Bearer ${token}`));
  assert.ok(holdsSecret(`${"ey"}Jhbgciojub25lin.${"a".repeat(12)}.x`));
  for (const name of ["dapi", "rapid_events", "orders_2024", "dapi_keys_0123"]) assert.ok(!holdsSecret(name));
});
