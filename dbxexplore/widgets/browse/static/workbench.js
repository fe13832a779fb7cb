// The page around the tree: how high it may be, borders that are dragged, and the full screen.

import { clamp } from "./clamp.js";

/**
 * @typedef {Record<string, number>} Sizes of panes, in pixels
 * @typedef {{ pane: string, axis: "x" | "y", sign: 1 | -1 }} Border what a border resizes, and in which direction
 */

const LEAST = { rail: 220, side: 240, details: 90 };
/** What is left for the tree, along each axis. */
const TREE_LEAST = { x: 260, y: 150 };
const BORDER_STEP = 16;

export class Workbench {
  /**
   * @param {HTMLElement} tree
   * @param {() => Element} around the Explorer
   * @param {(sizes: Sizes) => void} save
   * @param {AbortSignal} signal
   */
  constructor(tree, around, save, signal) {
    this._tree = tree;
    this._around = around;
    this._save = save;
    this._signal = signal;
    /** @type {HTMLElement | null} */
    this._node = null;
    /** @type {Sizes} */
    this._sizes = {};
    window.addEventListener("resize", () => this.measure(), { signal });
    document.addEventListener("fullscreenchange", () => this.measure(), { signal });
    document.addEventListener("click", (event) => this._onClick(event), { signal });
  }

  /** @param {unknown} sizes as the model has them */
  takeSizes(sizes) {
    this._sizes = {};
    if (typeof sizes !== "object" || sizes === null) return;
    for (const [pane, size] of Object.entries(sizes)) {
      if (pane in LEAST && typeof size === "number" && size > 0) this._sizes[pane] = size;
    }
    this._apply();
  }

  /** Fit the workbench to the page, once the tree is in one. */
  measure() {
    const node = this._node ?? this._tree.closest(".dbxe-workbench");
    if (!(node instanceof HTMLElement)) return;
    if (this._node === null) this._attach(node);
    const around = this._around();
    const isLive = document.fullscreenEnabled;
    around.classList.toggle("dbxe-can-fill", isLive);
    around.classList.add("dbxe-live");
    const taken = around instanceof HTMLElement && node.offsetHeight > 0 ? around.offsetHeight - node.offsetHeight : 0;
    if (taken > 0) node.style.setProperty("--dbxe-taken", `${taken}px`);
    const room = roomAround(around);
    if (room > 0) node.style.setProperty("--dbxe-room", `${room}px`);
    else node.style.removeProperty("--dbxe-room");
    for (const border of this._borders()) this._describe(border);
  }

  /** @param {HTMLElement} node */
  _attach(node) {
    this._node = node;
    node.addEventListener("pointerdown", (event) => this._onDown(event), { signal: this._signal });
    node.addEventListener("keydown", (event) => this._onKey(event), { signal: this._signal });
    node.addEventListener("dblclick", (event) => this._onDouble(event), { signal: this._signal });
    // What is above the workbench comes and goes, such as the progress of a discovery.
    const observer = new ResizeObserver(() => this.measure());
    observer.observe(this._around());
    this._signal.addEventListener("abort", () => observer.disconnect());
    for (const border of this._borders()) {
      border.tabIndex = 0;
      border.setAttribute("role", "separator");
    }
    this._apply();
  }

  /** @returns {HTMLElement[]} */
  _borders() {
    return Array.from(this._node?.querySelectorAll(".dbxe-splitter") ?? []).filter((node) => node instanceof HTMLElement);
  }

  _apply() {
    if (this._node === null) return;
    for (const pane of Object.keys(LEAST)) {
      const size = this._sizes[pane];
      if (size === undefined) this._node.style.removeProperty(`--dbxe-${pane}`);
      else this._node.style.setProperty(`--dbxe-${pane}`, `${size}px`);
    }
    for (const border of this._borders()) this._describe(border);
  }

  /** @param {EventTarget | null} target */
  _borderOf(target) {
    const border = target instanceof Element ? target.closest(".dbxe-splitter") : null;
    return border instanceof HTMLElement ? border : null;
  }

  /** @param {HTMLElement} border */
  _limits(border) {
    const { pane, axis, sign } = readBorder(border);
    const box = (this._node ?? border).getBoundingClientRect();
    const whole = axis === "x" ? box.width : box.height;
    const others = axis === "x" ? this._borders().filter((other) => other !== border && readBorder(other).axis === "x") : [];
    const taken = others.reduce((sum, other) => sum + this._sizeOf(other), 0);
    const least = LEAST[/** @type {keyof typeof LEAST} */ (pane)];
    return { pane, axis, sign, least, most: Math.max(least, whole - taken - TREE_LEAST[axis]) };
  }

  /** How large the pane of a border is now. @param {HTMLElement} border */
  _sizeOf(border) {
    const { pane, axis } = readBorder(border);
    const node = this._node?.querySelector(pane === "rail" ? ".dbxe-rail" : ".dbxe-details");
    const box = node?.getBoundingClientRect();
    return Math.round((axis === "x" ? box?.width : box?.height) ?? 0);
  }

  /** @param {HTMLElement} border */
  _describe(border) {
    const { axis, least, most } = this._limits(border);
    const values = { orientation: axis === "x" ? "vertical" : "horizontal", valuemin: least, valuemax: Math.round(most),
      valuenow: this._sizeOf(border) };
    for (const [name, value] of Object.entries(values)) border.setAttribute(`aria-${name}`, String(value));
  }

  /** @param {HTMLElement} border @param {number} size @param {boolean} isDone */
  _resize(border, size, isDone) {
    const { pane, least, most } = this._limits(border);
    this._sizes = { ...this._sizes, [pane]: Math.round(clamp(size, least, most)) };
    this._apply();
    if (isDone) this._save(this._sizes);
  }

  /** @param {PointerEvent} event */
  _onDown(event) {
    const border = this._borderOf(event.target);
    if (border === null || event.button !== 0) return;
    event.preventDefault();
    border.focus();
    const { axis, sign } = readBorder(border);
    const at = (/** @type {PointerEvent} */ { clientX, clientY }) => (axis === "x" ? clientX : clientY);
    const start = at(event);
    const size = this._sizeOf(border);
    const stop = new AbortController();
    const { signal } = stop;
    border.setPointerCapture(event.pointerId);
    const moved = (/** @type {PointerEvent} */ move) => size + sign * (at(move) - start);
    border.addEventListener("pointermove", (move) => this._resize(border, moved(move), false), { signal });
    border.addEventListener("pointerup", (up) => { stop.abort(); this._resize(border, moved(up), true); }, { signal });
    border.addEventListener("pointercancel", () => stop.abort(), { signal });
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const border = this._borderOf(event.target);
    if (border === null) return;
    const { axis, sign } = readBorder(border);
    const [less, more] = axis === "x" ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    if (event.key !== less && event.key !== more) return;
    const step = event.key === less ? -1 : 1;
    event.preventDefault();
    this._resize(border, this._sizeOf(border) + sign * step * BORDER_STEP, true);
  }

  /** A double click gives a pane its usual size. @param {MouseEvent} event */
  _onDouble(event) {
    const border = this._borderOf(event.target);
    if (border === null) return;
    const { [readBorder(border).pane]: _, ...others } = this._sizes;
    this._sizes = others;
    this._apply();
    this._save(others);
  }

  /** @param {MouseEvent} event */
  _onClick(event) {
    const button = event.target instanceof Element ? event.target.closest(".dbxe-fill") : null;
    const around = this._around();
    if (button === null || !around.contains(button)) return;
    if (document.fullscreenElement === null) around.requestFullscreen().catch(() => {});
    else document.exitFullscreen().catch(() => {});
  }
}

/**
 * Return what a border resizes: the style sheet says so, because it depends on the width of the page.
 *
 * @param {HTMLElement} border
 * @returns {Border}
 */
function readBorder(border) {
  const words = getComputedStyle(border).getPropertyValue("--dbxe-resizes").trim().split(/\s+/);
  return { pane: words[0] || "rail", axis: words[1] === "y" ? "y" : "x", sign: words[0] === "rail" ? 1 : -1 };
}

/**
 * Return how high the Explorer may be to be seen whole, 0 where that is not known: a frame that grows with its content
 * has no height of its own.
 *
 * @param {Element} around
 */
function roomAround(around) {
  if (document.fullscreenElement === around) return window.innerHeight;
  if (window.self !== window.top) return 0;
  let room = window.innerHeight;
  for (let up = around.parentElement; up !== null && up !== document.body; up = up.parentElement) {
    // The outermost one that scrolls: those inside it may be as high as their content.
    if (/auto|scroll/.test(getComputedStyle(up).overflowY) && up.clientHeight > 0) room = Math.min(window.innerHeight, up.clientHeight);
  }
  return Math.round(room);
}
