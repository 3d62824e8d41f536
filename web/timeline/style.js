// How the strip looks: the host's own colours, so that it follows its themes.

import { addStyle } from "../page.js";

const CSS = `
.anisora-strip {
  --paper: var(--comfy-input-bg, #222); --ink: var(--input-text, #ddd); --line: var(--border-color, #4e4e4e);
  --well: color-mix(in srgb, #000 22%, var(--bg-color, #202020)); --dim: color-mix(in srgb, var(--ink) 58%, var(--paper)); --soft: color-mix(in srgb, var(--ink) 9%, var(--paper));
  --accent: #6cb4ff; --head: #ff6f7d; --wire: #b79bff; --warn: #ffbe5c; --words: #59c7a5;
  box-sizing: border-box; width: 100%; height: 100%; min-height: 240px; min-width: 0; position: relative; overflow: hidden;
  display: flex; flex-direction: column; gap: 5px; padding: 6px; border-radius: 8px; border: 1px solid var(--line);
  background: color-mix(in srgb, var(--paper) 55%, var(--well)); color: var(--ink); font: 11px/1.35 system-ui, sans-serif;
  outline: none; user-select: none; -webkit-user-select: none; touch-action: none; container-type: inline-size;
}
.anisora-strip *, .anisora-strip *::before { box-sizing: border-box; }
.anisora-strip:focus-visible { border-color: color-mix(in srgb, var(--accent) 60%, var(--line)); }
.anisora-strip.dropping { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
.anisora-strip [hidden] { display: none !important; }
.anisora-strip button { all: unset; box-sizing: border-box; display: inline-flex; align-items: center; justify-content: center;
  gap: 4px; height: 24px; min-width: 24px; padding: 0 4px; border-radius: 5px; cursor: pointer; color: var(--ink); }
.anisora-strip button:hover { background: var(--soft); }
.anisora-strip button:focus-visible { outline: 1px solid var(--accent); }
.anisora-strip button:disabled { opacity: .3; cursor: default; background: none; }
.anisora-strip button.main { background: color-mix(in srgb, var(--accent) 24%, var(--paper)); padding: 0 8px; }
.anisora-strip button.main:hover { background: color-mix(in srgb, var(--accent) 38%, var(--paper)); }
.anisora-strip svg { width: 15px; height: 15px; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round;
  stroke-linejoin: round; flex: none; }
.anisora-strip input, .anisora-strip textarea { box-sizing: border-box; background: var(--paper); color: var(--ink);
  border: 1px solid var(--line); border-radius: 4px; font: inherit; padding: 2px 5px; height: 22px; min-width: 0; margin: 0; outline: none; }
.anisora-strip input:focus, .anisora-strip textarea:focus { border-color: var(--accent); }
.anisora-strip input::placeholder { color: var(--dim); opacity: .85; }
.anisora-strip input.wrong { border-color: var(--warn); }
.anisora-strip input[type=range] { padding: 0; border: 0; background: none; accent-color: var(--accent); flex: 1; }

.anisora-strip .bar { display: flex; align-items: center; gap: 2px; flex: none; }
.anisora-strip .bar .gap { flex: 1; }
.anisora-strip .bar .time { font-variant-numeric: tabular-nums; font-weight: 600; min-width: 72px; padding: 0 4px; white-space: nowrap; }
.anisora-strip .bar label { display: inline-flex; align-items: center; gap: 3px; color: var(--dim); }
.anisora-strip .bar input { width: 52px; text-align: right; } .anisora-strip .bar label + label input { width: 44px; }
@container (max-width: 470px) { .anisora-strip .wide, .anisora-strip .empty svg { display: none !important; } .anisora-strip .empty { padding: 4px; } }
@container (max-width: 400px) { .anisora-strip .bar label { font-size: 0; } .anisora-strip .bar .time { min-width: 62px; }
  .anisora-strip .bar input, .anisora-strip .bar label + label input { width: 36px; font-size: 11px; padding: 2px; }
  .anisora-strip .side { min-width: 118px; padding: 5px; } .anisora-strip .row > span:first-child, .anisora-strip .row > .number { display: none; } }
@container (max-width: 320px) { .anisora-strip .bar .time { display: none; } }

.anisora-strip .pane { flex: 1 1 0; min-height: 84px; display: flex; gap: 6px; }
.anisora-strip .preview { flex: 1 1 0; min-width: 0; position: relative; display: flex; align-items: center; justify-content: center;
  border-radius: 6px; overflow: hidden; background: var(--well); }
.anisora-strip .preview canvas { border-radius: 3px; }
.anisora-strip .empty { position: absolute; inset: 0; display: flex; flex-direction: column; align-items: center; justify-content: center;
  gap: 3px; color: var(--dim); text-align: center; padding: 6px 6px 20px; pointer-events: none; }
.anisora-strip .empty svg { width: 26px; height: 26px; stroke-width: 1.2; } .anisora-strip .empty b { color: var(--ink); font-size: 13px; font-weight: 600; }
.anisora-strip .status { position: absolute; left: 0; right: 0; bottom: 0; padding: 2px 7px; font-size: 10.5px; color: #e8e8e8; text-align: center;
  background: #000a; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.anisora-strip .status.warn { color: var(--warn); }
.anisora-strip .side { flex: 0 1 44%; max-width: 300px; min-width: 168px; display: flex; flex-direction: column; border-radius: 6px;
  background: var(--paper); padding: 6px 8px; overflow: hidden auto; }
.anisora-strip .side > div { display: flex; flex-direction: column; gap: 5px; min-height: 0; flex: 1; }
.anisora-strip .row { display: flex; align-items: center; gap: 6px; } .anisora-strip .row > span:first-child { flex: 0 0 52px; color: var(--dim); }
.anisora-strip .row > input { flex: 1; }
.anisora-strip .row > .number { min-width: 50px; text-align: right; color: var(--dim); font-variant-numeric: tabular-nums; white-space: nowrap; }
.anisora-strip .title { display: flex; align-items: center; gap: 5px; } .anisora-strip .title b { flex: 1; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
.anisora-strip .title button { height: 20px; min-width: 20px; margin-right: -4px; }
.anisora-strip .badge { color: var(--wire); display: inline-flex; } .anisora-strip .badge svg { width: 13px; height: 13px; }
.anisora-strip .dim { color: var(--dim); }
.anisora-strip textarea { flex: 1; min-height: 36px; resize: none; height: auto; line-height: 1.35; user-select: text; -webkit-user-select: text; }

.anisora-strip .scroll { flex: none; position: relative; overflow: auto hidden; border-radius: 6px; border: 1px solid var(--line);
  scrollbar-width: thin; scrollbar-color: var(--line) transparent; background: var(--well); }
.anisora-strip .track { position: relative; }
.anisora-strip .track > canvas { position: sticky; left: 0; top: 0; display: block; }
.anisora-strip .cards, .anisora-strip .lanes { position: absolute; left: 0; right: 0; }
.anisora-strip .lanes { border-top: 1px solid var(--line); overflow: hidden auto; scrollbar-width: none; }
.anisora-strip .hint { position: sticky; left: 12px; display: inline-block; line-height: 22px; color: var(--dim); pointer-events: none;
  white-space: nowrap; overflow: hidden; padding-left: 12px; }
.anisora-strip .scrub { position: absolute; left: 0; right: 0; top: 0; cursor: ew-resize; }

.anisora-strip .key { position: absolute; top: 5px; bottom: 5px; cursor: grab; border-radius: 4px; }
.anisora-strip .key .card { position: absolute; inset: 0; border-radius: 4px; overflow: hidden; background: color-mix(in srgb, var(--ink) 18%, var(--paper));
  border: 1px solid #0009; box-shadow: 0 1px 3px #0008; display: flex; align-items: center; justify-content: center; }
.anisora-strip .key.linked .card { border-color: var(--wire); }
.anisora-strip .key img { width: 100%; height: 100%; object-fit: cover; pointer-events: none; }
.anisora-strip .key .name { position: absolute; inset: 0 3px 12px; display: flex; align-items: center; justify-content: center; text-align: center;
  overflow-wrap: anywhere; font-size: 10px; line-height: 1.15; overflow: hidden; color: var(--ink); }
.anisora-strip .key .at { position: absolute; left: 0; right: 0; bottom: 0; padding: 4px 4px 2px; text-align: center; font-size: 10px; font-weight: 600; line-height: 1;
  color: #fff; background: linear-gradient(#0000, #000c 70%); font-variant-numeric: tabular-nums; white-space: nowrap; overflow: hidden; }
.anisora-strip .key .force { position: absolute; left: 0; bottom: 0; height: 3px; background: var(--accent); }
.anisora-strip .key .badge { position: absolute; top: 2px; left: 2px; padding: 2px; border-radius: 4px; background: #000a; }
.anisora-strip .key .pin { position: absolute; top: -6px; height: 6px; width: 2px; margin-left: -1px; background: var(--mark, var(--accent)); }
.anisora-strip .key.linked .pin { background: var(--wire); }
.anisora-strip .key.thin .at, .anisora-strip .key.thin .badge, .anisora-strip .key.thin .name { display: none; }
.anisora-strip .key:hover .card { filter: brightness(1.12); }
.anisora-strip .key.wrong .card { border-color: var(--warn); box-shadow: 0 0 0 1px var(--warn); } .anisora-strip .key.wrong .at { color: var(--warn); }
.anisora-strip .key.chosen .card { border-color: var(--accent); box-shadow: 0 0 0 1.5px var(--accent), 0 3px 10px #000b; }
.anisora-strip .key.dragged { cursor: grabbing; } .anisora-strip .key.dragged .card { transform: translateY(-2px); }

.anisora-strip .segment { position: absolute; height: 19px; border-radius: 4px; cursor: grab; overflow: hidden; padding: 0 8px; line-height: 18px; white-space: nowrap;
  text-overflow: ellipsis; background: color-mix(in srgb, var(--words) 26%, var(--paper)); border: 1px solid color-mix(in srgb, var(--words) 55%, var(--paper)); }
.anisora-strip .segment::before { content: attr(data-empty); color: var(--dim); }
.anisora-strip .segment i { position: absolute; top: 0; bottom: 0; width: 7px; cursor: ew-resize; }
.anisora-strip .segment i:first-of-type { left: 0; border-left: 2px solid var(--words); } .anisora-strip .segment i:last-of-type { right: 0; border-right: 2px solid var(--words); }
.anisora-strip .segment.chosen { border-color: var(--words); box-shadow: 0 0 0 1px var(--words); }
.anisora-strip .segment.wrong { border-color: var(--warn); }
.anisora-strip .head { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--head); pointer-events: none; }
.anisora-strip .head::before { content: ""; position: absolute; left: -4.5px; top: 0; width: 10px; height: 9px; background: var(--head);
  clip-path: polygon(0 0, 100% 0, 100% 45%, 50% 100%, 0 45%); }

.anisora-strip .picker { position: absolute; inset: 0; z-index: 30; display: flex; flex-direction: column; gap: 6px; padding: 8px;
  background: color-mix(in srgb, var(--paper) 40%, var(--well)); }
.anisora-strip .picker .bar input { flex: 1; width: auto; text-align: left; }
.anisora-strip .picker .list { flex: 1; touch-action: pan-y; overflow: hidden auto; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.anisora-strip .picker h4 { margin: 4px 0; font: inherit; color: var(--dim); }
.anisora-strip .picker .grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 6px; }
.anisora-strip .picker .grid button { display: flex; flex-direction: column; height: auto; padding: 3px; gap: 2px; background: var(--paper); position: relative; overflow: hidden; }
.anisora-strip .picker .grid button.chosen { outline: 2px solid var(--accent); outline-offset: -2px; }
.anisora-strip .picker .grid button.chosen::after { content: attr(data-order); position: absolute; top: 4px; right: 4px; min-width: 16px; text-align: center; border-radius: 8px;
  background: var(--accent); color: #00203c; font-weight: 700; line-height: 16px; }
.anisora-strip .picker img, .anisora-strip .picker .blank { width: 100%; height: 58px; object-fit: cover; border-radius: 3px; background: var(--soft);
  display: flex; align-items: center; justify-content: center; }
.anisora-strip .picker .grid span { width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 10px; text-align: center; }
`;

export const addStripStyle = () => addStyle("anisora-strip-style", CSS);
