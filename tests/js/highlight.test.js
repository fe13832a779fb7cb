import assert from "node:assert/strict";
import { test } from "node:test";

import { highlightParts, pathEnd, splitParts } from "#tree/highlight.js";
import { below, numbers, pick } from "./samples.js";

/** @import { Part } from "#tree/highlight.js" */

const HALF_A_PAIR = /\p{Surrogate}/u;

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

test("a query across the border of two names is marked where the names meet", () => {
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
    const marks = (/** @type {readonly Part[]} */ of) =>
      of.map((part) => (part.hit ? "x" : ".").repeat(part.text.length)).join("");
    assert.equal(head.map((part) => part.text).join(""), text.slice(0, pathEnd(text)));
    assert.equal(marks([...head, ...tail]), marks(parts));
    assert.ok([...head, ...tail].every((part) => part.text !== ""));
  }
});
