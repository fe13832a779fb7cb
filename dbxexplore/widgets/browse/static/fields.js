// The fields of patterns, in the Explorer around the tree: when an edit is finished, where the focus goes on from there,
// and lines that are pasted.

/** Stands for a line break, which a field of one line cannot hold; the kernel makes a pattern of each line. */
const LINE = "\u2028";
const FIELDS = ".dbxe-pattern input[type='text'], .dbxe-patterns textarea";

/**
 * @param {() => Element} around the Explorer, which is not known before the tree is in the page
 * @param {() => void} finish is called when a field is left
 * @param {AbortSignal} signal
 */
export function listenToFields(around, finish, signal) {
  const isField = (/** @type {EventTarget | null} */ target) =>
    target instanceof Element && target.matches(FIELDS) && around().contains(target);
  document.addEventListener("focusout", (event) => { if (isField(event.target)) finish(); }, { signal });
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.key === "Enter" && target instanceof HTMLInputElement && isField(target)) goOn(target, signal);
  }, { signal, capture: true }); // ipywidgets lets no key of a field go further
  document.addEventListener("paste", (event) => {
    const { target, clipboardData } = event;
    const text = clipboardData?.getData("text/plain") ?? "";
    if (!(target instanceof HTMLInputElement) || !isField(target) || !/[\r\n]/.test(text.trim())) return;
    event.preventDefault();
    target.setRangeText(text.trim().replace(/\r\n?|\n/g, LINE), target.selectionStart ?? 0, target.selectionEnd ?? 0, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
  }, { signal });
}

/**
 * Focus the blank row that the kernel makes below a pattern, unless the person has gone somewhere else by then.
 *
 * @param {HTMLInputElement} field
 * @param {AbortSignal} signal
 */
function goOn(field, signal) {
  const row = field.closest(".dbxe-pattern");
  const level = field.closest(".dbxe-level");
  if (!row || !level) return;
  const listOf = (/** @type {Element} */ one) => one.querySelector(".dbxe-list")?.classList.contains("dbxe-allow");
  const look = () => {
    const below = row.nextElementSibling;
    const next = below?.querySelector("input[type='text']");
    if (!below || !(next instanceof HTMLInputElement) || next.value !== "" || listOf(below) !== listOf(row)) return;
    stop.abort();
    next.focus();
  };
  const stop = new AbortController();
  const observer = new MutationObserver(look);
  stop.signal.addEventListener("abort", () => observer.disconnect());
  signal.addEventListener("abort", () => stop.abort(), { signal: stop.signal });
  field.addEventListener("focusout", () => stop.abort(), { signal: stop.signal });
  field.addEventListener("input", () => stop.abort(), { signal: stop.signal });
  observer.observe(level, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
  look();
}
