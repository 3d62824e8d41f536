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
