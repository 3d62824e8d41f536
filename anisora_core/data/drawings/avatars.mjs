// Faces of twelve artists' avatar sets, each drawn with open eyes; where the set has them, also with closed eyes and other mouths.
// node avatars.mjs OUT COUNT: NAME_000.png, NAME_000_closed.png, NAME_000_mouth0.png, ... 288 pixels wide, transparent.
import fs from "node:fs";
import { createAvatar } from "@dicebear/core";
import * as collection from "@dicebear/collection";
import { Resvg } from "@resvg/resvg-js";

const SIZE = 288;
const CALM = ["smile", "calm", "cute", "smileBig", "serious"];

/** Per set: options of the n-th face, those that close its eyes, and its mouths. */
const SETS = {
  adventurer: {},
  bigEars: {},
  bigSmile: {
    open: () => ({ eyes: ["normal"] }),
    closed: { eyes: ["sleepy"] },
    mouths: ["openedSmile", "unimpressed", "teethSmile"],
  },
  croodles: {},
  dylan: {},
  lorelei: { mouths: ["happy01", "happy05", "sad01"] },
  micah: {
    open: (n) => ({ eyes: [["eyes", "round"][n % 2]] }),
    closed: { eyes: ["smiling"] },
    mouths: ["laughing", "smile", "pucker"],
  },
  miniavs: { open: () => ({ eyes: ["normal"] }), closed: { eyes: ["happy"] } },
  notionists: {},
  openPeeps: { open: (n) => ({ face: [CALM[n % CALM.length]] }), closed: { face: ["eyesClosed"] } },
  personas: {
    open: () => ({ eyes: ["open"] }),
    closed: { eyes: ["sleep"] },
    mouths: ["bigSmile", "smile", "surprise"],
  },
  toonHead: {
    open: () => ({ eyes: ["wide"] }),
    closed: { eyes: ["humble"] },
    mouths: ["laugh", "agape", "smile"],
  },
};

const [out, count] = process.argv.slice(2);
fs.mkdirSync(out, { recursive: true });
for (const [name, { open, closed, mouths }] of Object.entries(SETS)) {
  for (let n = 0; n < Number(count); n += 1) {
    const stem = `${out}/${name}_${String(n).padStart(3, "0")}`;
    const options = { seed: `a${n}`, size: SIZE, backgroundColor: [], ...open?.(n) };
    const draw = (end, more = {}) => {
      const svg = createAvatar(collection[name], { ...options, ...more }).toString();
      const picture = new Resvg(svg, { fitTo: { mode: "width", value: SIZE } }).render();
      fs.writeFileSync(`${stem}${end}.png`, picture.asPng());
    };
    draw("");
    if (closed) draw("_closed", closed);
    mouths?.forEach((mouth, k) => draw(`_mouth${k}`, { mouth: [mouth] }));
  }
}
