// Above the header: what is shown and how it is sorted, the number of matches, and the selection.

import { element, setText } from "./dom.js";
import { visibleString } from "./text.js";

/**
 * @import { Status } from "./reply.js"
 * @import { Store } from "./store.js"
 * @typedef {{ value: string, text: string, fits?: (status: Status) => boolean }} Choice
 */

/** @type {Choice[]} */
const SHOWS = [
  { value: "all", text: "All" },
  { value: "included", text: "Included", fits: (status) => status.has_verdicts },
  { value: "excluded", text: "Excluded", fits: (status) => status.has_verdicts },
  { value: "ticked", text: "Selected", fits: (status) => !status.read_only },
  { value: "changed", text: "Changed by the last edit", fits: (status) => status.can_show_changed },
];
/** @type {Choice[]} */
export const SORTS = [
  { value: "name", text: "Name, A to Z" },
  { value: "name_desc", text: "Name, Z to A" },
  { value: "type", text: "Type" },
  { value: "updated", text: "Last updated", fits: (status) => status.has_updates },
  { value: "verdict", text: "Verdict", fits: (status) => status.has_verdicts },
];

export class Toolbar {
  /**
   * @param {import("./search.js").SearchField} search
   * @param {(type: string, fields?: Record<string, unknown>, fromTop?: boolean) => void} change
   * @param {AbortSignal} signal
   */
  constructor(search, change, signal) {
    const button = (/** @type {string} */ text, /** @type {() => void} */ act) => {
      const made = element("button", "button", { type: "button" }, text);
      made.addEventListener("click", act, { signal });
      return made;
    };
    this._show = element("select", "select");
    this._sort = element("select", "select");
    this._show.addEventListener("change", () => change("show", { which: this._show.value }, true), { signal });
    this._sort.addEventListener("change", () => change("sort", { by: this._sort.value }, true), { signal });
    const expandAll = button("Expand all", () => change("expand_all", { open: true }));
    const collapseAll = button("Collapse all", () => change("expand_all", { open: false }, true));
    this._tickShown = button("Select matches", () => change("tick_shown", { on: true }));
    this._untickShown = button("Deselect matches", () => change("tick_shown", { on: false }));
    this._clearTicks = button("Clear selection", () => change("clear_ticks"));
    this._include = button("Include", () => change("use_search", { on: true }));
    this._exclude = button("Exclude", () => change("use_search", { on: false }));
    this._include.title = "Add the expression to the patterns that include";
    this._exclude.title = "Add the expression to the patterns that exclude";
    this._use = element("span", "use", { role: "group", "aria-label": "Use the search as a pattern", hidden: "" },
      this._include, this._exclude);
    this._found = element("span", "found", { role: "status", "aria-live": "polite" });
    this._ticked = element("span", "ticked");
    this._ticks = element("span", "ticks", {}, this._ticked, this._tickShown, this._untickShown, this._clearTicks);
    const label = { role: "group", "aria-label": "Search, filter and sort" };
    const buttons = element("span", "buttons", {}, expandAll, collapseAll);
    const show = element("label", "label", {}, element("span", "", {}, "Show"), this._show);
    const sort = element("label", "label", {}, element("span", "", {}, "Sort"), this._sort);
    const toolbar = element("div", "toolbar", label, search.node, search.expressions, show, sort);
    this.nodes = [toolbar, element("div", "bar", {}, buttons, this._found, this._use, this._ticks)];
  }

  /** @param {Store} store */
  showStatus({ status, total, isWaitingFor }) {
    setText(this._found, visibleString(status.found));
    setText(this._ticked, `${visibleString(status.ticked) || "0"} selected`);
    const isFiltered = status.query !== "" || status.show !== "all";
    this._ticks.hidden = status.read_only;
    this._use.hidden = status.read_only || !status.has_verdicts || status.expression === "";
    setText(this._include, `Include ${status.expression}`);
    setText(this._exclude, `Exclude ${status.expression}`);
    this._tickShown.hidden = !isFiltered || total === 0;
    this._untickShown.hidden = !isFiltered || total === 0;
    this._clearTicks.hidden = status.ticked === "";
    // A choice stands until the kernel has handled it.
    if (!isWaitingFor("show")) setChoices(this._show, SHOWS, status.show, status);
    if (!isWaitingFor("sort")) setChoices(this._sort, SORTS, status.sort, status);
  }
}

/**
 * Offer the choices that fit the status, and the chosen one whether or not it fits.
 *
 * @param {HTMLSelectElement} select
 * @param {Choice[]} choices
 * @param {string} chosen
 * @param {Status} status
 */
function setChoices(select, choices, chosen, status) {
  const fit = choices.filter(({ value, fits }) => !fits || fits(status) || value === chosen);
  const values = fit.map((choice) => choice.value).join();
  if (select.dataset.values !== values) {
    select.dataset.values = values;
    select.replaceChildren(...fit.map((choice) => element("option", "", { value: choice.value }, choice.text)));
  }
  if (select.value !== chosen && fit.some((choice) => choice.value === chosen)) select.value = chosen;
}
