// What the page of every widget needs: its elements, surfaces to draw on, its style.

/**
 * The element of that selector; that it is missing, or of another kind, is a mistake in our own markup.
 * @template {Element} Kind
 * @param {ParentNode} root
 * @param {string} selector
 * @param {{new (): Kind}} kind
 */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`no ${kind.name} at ${selector}`);
  return found;
}

/**
 * What an event happened on. Events of our pages happen on elements, which the type of an event does not know.
 * @param {Event} event
 */
export const targetOf = (event) => /** @type {HTMLElement} */ (event.target);

/** @param {HTMLCanvasElement} canvas */
export function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")); // null only after another kind was asked for
}

/**
 * A surface that is on no page.
 * @param {number} width
 * @param {number} height
 */
export function offscreen(width, height) {
  return /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(width, height).getContext("2d"));
}

/**
 * Once per page, when the first widget of its kind is made.
 * @param {string} id
 * @param {string} css
 */
export function addStyle(id, css) {
  if (document.getElementById(id)) return;
  const style = document.createElement("style");
  style.id = id;
  style.textContent = css;
  document.head.append(style);
}
