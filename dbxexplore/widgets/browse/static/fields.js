// The fields of patterns, in the Explorer around the tree: when an edit is finished, and lines that are pasted.

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
  document.addEventListener("paste", (event) => {
    const { target, clipboardData } = event;
    const text = clipboardData?.getData("text/plain") ?? "";
    if (!(target instanceof HTMLInputElement) || !isField(target) || !/[\r\n]/.test(text.trim())) return;
    event.preventDefault();
    target.setRangeText(text.trim().replace(/\r\n?|\n/g, LINE), target.selectionStart ?? 0, target.selectionEnd ?? 0, "end");
    target.dispatchEvent(new Event("input", { bubbles: true }));
  }, { signal });
}
