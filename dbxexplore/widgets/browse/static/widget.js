// The entry module of the tree: what anywidget calls. It joins with the modules it imports, see script.py.

import { View } from "./view.js";

/** @import { Model } from "./store.js" */

/** @param {{ model: Model, el: HTMLElement }} context @returns {() => void} removes the tree */
function render({ model, el }) {
  try {
    const view = new View(model, el);
    return () => view.remove();
  } catch (error) {
    console.error(error);
    const reason = error instanceof Error ? error.message : String(error);
    el.replaceChildren(`The catalog tree can't be shown here: ${reason}`);
    return () => el.replaceChildren();
  }
}

export default { render };
