// What the widgets leave to the host's canvas: zooming by the wheel, panning by the middle button.
import { targetOf } from "./page.js";

const MIDDLE = 1;
const MIDDLE_HELD = 4;

/**
 * As the host's own text areas do. The Vue renderer takes both from the node itself.
 * @param {HTMLElement} root
 * @param {ComfyApp} app
 */
export function passToCanvas(root, app) {
  const isCanvas = () => !window.LiteGraph?.vueNodesMode;
  root.addEventListener("pointerdown", (event) => {
    if (event.button === MIDDLE && isCanvas()) app.canvas.processMouseDown(event);
  });
  root.addEventListener("pointermove", (event) => {
    if (event.buttons & MIDDLE_HELD && isCanvas()) app.canvas.processMouseMove(event);
  });
  root.addEventListener("pointerup", (event) => {
    if (event.button === MIDDLE && isCanvas()) app.canvas.processMouseUp(event);
  });
  root.addEventListener(
    "wheel",
    (event) => {
      if (!isCanvas() || scrolls(targetOf(event), root)) return;
      event.preventDefault();
      event.stopPropagation();
      app.canvas.processMouseWheel(event);
    },
    { passive: false },
  );
}

/**
 * In the Vue renderer, help on an input pops up over all that is inside its row; over the widget it would hide it.
 * @param {HTMLElement} root
 * @returns {() => void} ends it
 */
export function keepHelpAway(root) {
  /** @param {Event} event */
  const quiet = (event) => {
    if (!root.isConnected) return;
    const { target } = event;
    const hasHelp = target instanceof Element && target.matches("[data-pd-tooltip]") && target.contains(root);
    if (hasHelp && window.LiteGraph?.vueNodesMode) event.stopImmediatePropagation();
  };
  document.addEventListener("mouseenter", quiet, true);
  return () => document.removeEventListener("mouseenter", quiet, true);
}

/**
 * Whether the wheel scrolls something of the widget there, as a list or a long text.
 * @param {Element} target
 * @param {Element} root
 */
function scrolls(target, root) {
  for (let at = /** @type {Element | null} */ (target); at && at !== root; at = at.parentElement) {
    if (at.scrollHeight > at.clientHeight && /auto|scroll/.test(getComputedStyle(at).overflowY)) return true;
  }
  return false;
}
