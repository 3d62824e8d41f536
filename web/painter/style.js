// The painter's look, in the colours of the user's ComfyUI theme.
import { addStyle } from "../page.js";

const CSS = `
.anisora-painter {
  --line: var(--border-color, #4e4e4e); --field: var(--comfy-input-bg, #222); --ink: var(--input-text, #ddd);
  --faint: var(--descrip-text, #999); --hot: var(--p-primary-color, #4aa3ff);
  width: 100%; height: 100%; min-width: 0; min-height: 0; box-sizing: border-box; display: flex; flex-direction: column; gap: 6px;
  padding: 6px; border-radius: 8px; background: var(--comfy-menu-bg, #2b2b2b); color: var(--ink); position: relative;
  font: 12px/1.3 system-ui, "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", sans-serif; user-select: none; -webkit-user-select: none;
}
.anisora-painter *, .anisora-painter *::before { box-sizing: border-box; }
.anisora-painter [hidden] { display: none !important; }
.anisora-painter .keys { position: absolute; width: 1px; height: 1px; opacity: 0; border: 0; padding: 0; pointer-events: none; }
.anisora-painter .row { display: flex; align-items: center; gap: 4px 8px; flex-wrap: wrap; flex: none; }
.anisora-painter .group { display: flex; align-items: center; gap: 2px; }
.anisora-painter .end { margin-left: auto; }
.anisora-painter .sliders { flex: 1 1 330px; display: flex; gap: 10px; }
.anisora-painter button {
  display: grid; place-items: center; width: 28px; height: 28px; padding: 0; border: 1px solid transparent; border-radius: 6px;
  background: none; color: inherit; cursor: pointer; font: inherit;
}
.anisora-painter button:hover { background: color-mix(in srgb, var(--ink) 12%, transparent); }
.anisora-painter button:disabled { opacity: .3; cursor: default; background: none; }
.anisora-painter button[aria-pressed=true] { background: color-mix(in srgb, var(--hot) 30%, transparent); border-color: var(--hot); }
.anisora-painter :focus-visible { outline: 2px solid var(--hot); outline-offset: 1px; }
.anisora-painter svg { width: 18px; height: 18px; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; pointer-events: none; }
.anisora-painter .slider { display: flex; align-items: center; gap: 5px; flex: 1 1 0; min-width: 0; max-width: 190px; color: var(--faint); }
.anisora-painter .slider input { flex: 1; min-width: 30px; width: 30px; height: 16px; margin: 0; accent-color: var(--hot); cursor: pointer; }
.anisora-painter .slider output { width: 24px; text-align: right; color: var(--ink); font-variant-numeric: tabular-nums; }
.anisora-painter .stage {
  flex: 1 1 0; min-height: 80px; container-type: size; display: grid; place-items: center; overflow: hidden; border-radius: 6px;
  background: var(--field); box-shadow: inset 0 0 0 1px var(--line);
}
.anisora-painter .sheet {
  position: relative; aspect-ratio: var(--aspect); width: min(100cqw, 100cqh * var(--aspect)); overflow: hidden;
  touch-action: none; cursor: none; background: repeating-conic-gradient(#3a3a3a 0 25%, #333 0 50%) 0 0 / 20px 20px;
}
.anisora-painter .sheet > * { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.anisora-painter .sheet img { object-fit: cover; }
.anisora-painter .sheet[data-fit=stretch] img { object-fit: fill; }
.anisora-painter .sheet .ghost { opacity: .28; }
.anisora-painter .sheet .empty { display: grid; place-items: center; padding: 16px; text-align: center; color: var(--faint); }
.anisora-painter .sheet .ring {
  inset: auto; left: 0; top: 0; border-radius: 50%; border: 1.5px solid #fff; box-shadow: 0 0 0 1px #000a, inset 0 0 0 1px #000a;
}
.anisora-painter .sheet[data-pointer=cross] { cursor: crosshair; }
.anisora-painter .sheet svg.trail { inset: 0; width: 100%; height: 100%; stroke: #fff; stroke-width: 1.5; stroke-dasharray: 5 4; filter: drop-shadow(0 0 1px #000); vector-effect: non-scaling-stroke; }
.anisora-painter .areas { gap: 4px; max-height: 62px; overflow-y: auto; }
.anisora-painter .area {
  display: flex; align-items: center; gap: 4px; height: 28px; padding: 0 4px 0 2px; border: 1px solid var(--line); border-radius: 14px; background: var(--field); cursor: pointer;
}
.anisora-painter .area[aria-selected=true] { border-color: var(--color); box-shadow: 0 0 0 1px var(--color); }
.anisora-painter .area .dot { width: 22px; height: 22px; border-radius: 50%; }
.anisora-painter .area .dot::before { content: ""; width: 14px; height: 14px; border-radius: 50%; background: var(--color); }
.anisora-painter .area.still .dot::before { background: repeating-linear-gradient(135deg, var(--color) 0 3px, #0006 3px 5px); border-radius: 3px; }
.anisora-painter .area .name { max-width: 110px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding: 2px; border-radius: 4px; }
.anisora-painter .area input { width: 90px; border: 0; border-radius: 4px; padding: 2px 4px; background: #0006; color: inherit; font: inherit; }
.anisora-painter .area .remove { width: 18px; height: 18px; opacity: .6; }
.anisora-painter .area .remove svg { width: 11px; height: 11px; stroke-width: 3; }
.anisora-painter .time { flex-wrap: nowrap; gap: 4px; }
.anisora-painter .track { position: relative; flex: 1; min-width: 60px; height: 42px; border-radius: 6px; background: var(--field); box-shadow: inset 0 0 0 1px var(--line); touch-action: none; cursor: ew-resize; overflow: hidden; }
.anisora-painter .track .inner { position: absolute; inset: 0 14px; pointer-events: none; }
.anisora-painter .track .inner > * { position: absolute; transform: translateX(-50%); }
.anisora-painter .track img { top: 3px; height: 22px; border-radius: 2px; outline: 1px solid #0008; }
.anisora-painter .track .bare { top: 3px; width: 3px; height: 22px; border-radius: 2px; background: var(--faint); }
.anisora-painter .track .rail { left: 0; right: 0; top: 33px; height: 2px; transform: none; background: var(--line); border-radius: 1px; }
.anisora-painter .track .span { top: 33px; height: 2px; transform: none; background: var(--color); }
.anisora-painter .track .key { top: 29px; width: 10px; height: 10px; margin-left: 0; transform: translateX(-50%) rotate(45deg); background: var(--color); border: 1.5px solid #000a; border-radius: 2px; }
.anisora-painter .track .key.here { outline: 1.5px solid #fff; }
.anisora-painter .track .key.other { transform: translateX(-50%) rotate(45deg) scale(.55); opacity: .7; }
.anisora-painter .track .head { top: 0; bottom: 0; width: 2px; background: #fff; box-shadow: 0 0 3px #000; }
.anisora-painter .readout { flex: none; min-width: 52px; text-align: center; font-variant-numeric: tabular-nums; }
.anisora-painter .readout small { color: var(--faint); font-size: 11px; }
.anisora-painter .hint { flex: none; height: 16px; color: var(--faint); font-size: 11px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.anisora-painter .hint.warning { color: #ffb84d; }
.anisora-painter select { height: 26px; max-width: 120px; border: 1px solid var(--line); border-radius: 6px; background: var(--field); color: inherit; font: inherit; }
`;

export const addPainterStyle = () => addStyle("anisora-painter-style", CSS);

const PATHS = {
  brush: "M20 4c-4 1-8.500 5-10.500 8l2.500 2.500c3-2 7-6.500 8-10.500zM9 13c-2.500 0-4 1.500-4 4 0 1.500-1 2.500-2 3 4 1 8 0 8.500-4.500z",
  eraser: "M8 20l-5-5 11-11 7 7-9 9zM8.500 9.500l7 7M8 20h13",
  rectangle: "M4 6h16v12H4z",
  lasso: "M12 4c5 0 9 2.600 9 6s-4 6-9 6-9-2.600-9-6 4-6 9-6zM7 15c-2 1-2.500 3-.500 4s2 2.500 0 3",
  fill: "M11 3l8 8-7.500 7.500a2 2 0 0 1-3 0l-5-5a2 2 0 0 1 0-3L11 3zM4 12h14M21 15c1 2 1.500 3 1.500 4a1.500 1.500 0 0 1-3 0c0-1 .500-2 1.500-4z",
  undo: "M8 5L4 9l4 4M4 9h9a6 6 0 0 1 0 12H9",
  redo: "M16 5l4 4-4 4M20 9h-9a6 6 0 0 0 0 12h4",
  clear: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  invert: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 3v18M12 7l5-2M12 11l8-3M12 15l9-3M12 19l8-3",
  onion: "M9 5h11v11H9zM4 9v11h11",
  add: "M12 5v14M5 12h14",
  remove: "M5 5l14 14M19 5L5 19",
  play: "M7 4l13 8-13 8z",
  pause: "M8 5v14M16 5v14",
  addShape: "M9 6l6 6-6 6-6-6zM19 4v7M15.500 7.500h7",
  copyShape: "M7 7l5 5-5 5-5-5zM13 12h9M18.500 8.500L22 12l-3.500 3.500",
  removeShape: "M9 6l6 6-6 6-6-6zM16 7.500h6",
};

/** @param {keyof PATHS} name */
export const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${PATHS[name]}"/></svg>`;
