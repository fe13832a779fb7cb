// Buttons that copy a text, in the Explorer around the tree.

const SHOWN_MS = 2500;

/**
 * @param {() => Element} around the Explorer, which is not known before the tree is in the page
 * @param {AbortSignal} signal
 */
export function listenToCopyButtons(around, signal) {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest(".dbxe-copy") : null;
    if (!(button instanceof HTMLElement) || !around().contains(button)) return;
    const label = (button.dataset.label ??= button.textContent ?? "");
    const show = (/** @type {string} */ text) => {
      button.textContent = text;
      setTimeout(() => { button.textContent = label; }, SHOWN_MS);
    };
    copy(button.dataset.text ?? "").then(() => show("Copied"), () => show("Your browser blocks copying"));
  }, { signal });
}

/** @param {string} text */
async function copy(text) {
  await navigator.clipboard.writeText(text);
}
