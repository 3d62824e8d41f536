// The trainer's look, in the colours of the user's ComfyUI theme.
import { addStyle } from "../page.js";

const CSS = `
.anisora-trainer {
  --line: var(--border-color, #4e4e4e); --field: var(--comfy-input-bg, #222); --ink: var(--input-text, #ddd);
  --faint: var(--descrip-text, #999); --hot: var(--p-primary-color, #4aa3ff); --warn: #ffb84d;
  width: 100%; height: 100%; min-width: 0; min-height: 0; box-sizing: border-box; display: flex; flex-direction: column; gap: 8px;
  padding: 8px; border-radius: 8px; background: var(--comfy-menu-bg, #2b2b2b); color: var(--ink); overflow: hidden auto;
  font: 12px/1.35 system-ui, "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", sans-serif;
}
.anisora-trainer *, .anisora-trainer *::before { box-sizing: border-box; }
.anisora-trainer [hidden] { display: none !important; }
.anisora-trainer > * { flex: none; }
.anisora-trainer .idle { flex: 1; display: grid; place-items: center; padding: 16px; text-align: center; color: var(--faint); }
.anisora-trainer .facts { display: flex; flex-wrap: wrap; gap: 0 12px; font-variant-numeric: tabular-nums; }
.anisora-trainer .facts .phase { font-weight: 600; }
.anisora-trainer .facts .rest { margin-left: auto; display: flex; gap: 12px; color: var(--faint); }
.anisora-trainer .bar { height: 4px; border-radius: 2px; background: var(--field); overflow: hidden; }
.anisora-trainer .bar div { height: 100%; width: 0; border-radius: 2px; background: var(--hot); }
.anisora-trainer[data-phase=failed] .bar div { background: var(--warn); }
.anisora-trainer .curve { position: relative; height: 120px; border-radius: 6px; background: var(--field); }
.anisora-trainer .curve canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.anisora-trainer figure { flex: 1 1 0; min-height: 190px; margin: 0; display: flex; flex-direction: column; gap: 4px; }
.anisora-trainer figure a { flex: 1 1 0; min-height: 0; display: block; border-radius: 6px; background: var(--field); overflow: hidden; }
.anisora-trainer figure img { width: 100%; height: 100%; object-fit: contain; display: block; }
.anisora-trainer figcaption { color: var(--faint); font-size: 11px; }
.anisora-trainer .warnings { display: flex; flex-direction: column; gap: 2px; color: var(--warn); overflow-wrap: anywhere; }
.anisora-trainer details { color: var(--faint); font-size: 11px; overflow-wrap: anywhere; }
.anisora-trainer summary { cursor: pointer; color: var(--ink); font-size: 12px; }
.anisora-trainer :focus-visible { outline: 2px solid var(--hot); outline-offset: 1px; }
`;

export const addTrainerStyle = () => addStyle("anisora-trainer-style", CSS);
