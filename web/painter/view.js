// The painter in a root element: tools, drawing, areas and time. It knows the host only by what it is given.
import { loadPicture, maskOf, pixelsOf } from "./files.js";
import * as model from "./model.js";
import { tint } from "./overlay.js";
import { blank, bucket, isBlank, paint, polygon, stamp } from "./raster.js";
import { addStyle, icon } from "./style.js";
import { createTimebar } from "./timebar.js";

const LONG_SIDE = 512;
const TOOLS = ["brush", "eraser", "rectangle", "lasso", "fill"];
const TOOL_KEYS = { b: "brush", e: "eraser", r: "rectangle", l: "lasso", f: "fill" };
const SUBJECT_COLOR = "#dfe6ee";

// host: {
//   words,                  every text, from text.js
//   scene(),                -> { frames, fps, fit, invert, keyframes: [{ frame, url, label }], subject: url or null,
//                             unseen: a subject that only a run will show }
//   changed(painting),      after every change that is to be kept
//   setInvert(on),          the scene follows
// }
// Returns { load(painting), painting(), refresh(), warn(text) }; refresh() looks whether the scene has changed.
export function createPainter(root, host) {
  const { words } = host;
  addStyle();
  root.classList.add("anisora-painter");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", words.painter);
  root.innerHTML = `
    <input class="keys" readonly inputmode="none" aria-label="${words.painter}">
    <div class="row">
      <div class="group" role="toolbar">${TOOLS.map((name) => button(name, words[name])).join("")}</div>
      <div class="group">${["undo", "redo", "clear"].map((name) => button(name, words[name])).join("")}</div>
      <div class="group end">
        <select class="backdrop" aria-label="${words.backdrop}" title="${words.backdrop}"></select>
        ${button("onion", words.onion)}${button("invert", words.invert)}
      </div>
      <div class="sliders">${slider("size", words.size, 1, 200, 40)}${slider("softness", words.softness, 0, 100, 20)}${slider("opacity", words.opacity, 10, 100, 60)}</div>
    </div>
    <div class="stage"><div class="sheet">
      <img class="back" alt=""><img class="ghost before" alt=""><img class="ghost after" alt="">
      <div class="empty">${words.noPicture}</div><canvas></canvas><svg class="trail"><polygon points=""/></svg><div class="ring" hidden></div>
    </div></div>
    <div class="row areas" role="listbox" aria-label="${words.areas}"></div>
    <div class="row time">
      ${button("play", words.play)}<span class="readout"></span>
      <div class="group">${["addShape", "copyShape", "removeShape"].map((name) => button(name, words[name])).join("")}</div>
    </div>
    <div class="hint" role="status"></div>`;
  const find = (selector) => root.querySelector(selector);
  const sheet = find(".sheet");
  const canvas = find("canvas");
  const ring = find(".ring");
  const keys = find(".keys");
  const inputs = Object.fromEntries(["size", "softness", "opacity"].map((name) => [name, find(`input[name=${name}]`)]));
  const timebar = createTimebar(words, (to) => {
    if (playing) stop();
    seek(to);
  });
  find(".time").insertBefore(timebar.element, find(".readout"));

  let history = model.historyOf(model.emptyPainting(LONG_SIDE, LONG_SIDE));
  let scene = {};
  let tool = "brush";
  let frame = 0;
  let active = null; // id of the area that is painted
  let onion = false;
  let pinned = null; // frame of the keyframe behind the painting; null: the one in force
  let stroke = null;
  let playing = null;
  let warning = "";
  let lastId = 0;
  let lastPoint = null;
  let subject = null; // its mask at the painting's size
  let pixels = null; // the drawing's, for the bucket
  let shown = ""; // what the three pictures show

  const painting = () => history.now;
  const area = () => painting().areas.find((one) => one.id === active);
  const box = () => ({ left: 0, top: 0, right: painting().width, bottom: painting().height });

  // ---- what is kept

  function commit(next) {
    history = model.did(history, next);
    warning = "";
    kept();
  }

  function kept() {
    if (!area()) active = painting().areas.at(-1)?.id ?? null;
    draw();
    host.changed(painting());
  }

  function addArea(to, name, still) {
    lastId += 1;
    return model.addArea(to, { id: `new ${lastId}`, name, still });
  }

  function newArea() {
    const taken = painting().areas.map((one) => one.name);
    let number = taken.length + 1;
    while (taken.includes(words.area(number))) number += 1;
    const next = addArea(painting(), words.area(number), false);
    active = next.areas.at(-1).id;
    return next;
  }

  function change(mask) {
    commit(model.setShape(painting(), active, model.strokeFrame(area(), frame), mask));
  }

  // ---- strokes

  function begin(event) {
    const isEraser = event.button === 2 || event.button === 5 || (event.buttons & 32) !== 0;
    const touches = ["brush", "eraser"].includes(tool);
    const erase = isEraser || (touches ? tool === "eraser" : event.altKey);
    if (!area()) history = { ...history, now: newArea() };
    const mask = model.shapeAt(painting(), area(), frame);
    const cover = blank(painting());
    const kind = isEraser && touches ? "eraser" : tool;
    stroke = { kind, erase, mask, cover, live: mask, points: [], pointer: event.pointerId };
    extend(event);
  }

  function extend(event) {
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) {
      const point = { ...toPainting(one), radius: radiusOf(one) };
      const from = stroke.points.at(-1) ?? point;
      stroke.points.push(point);
      if (["brush", "eraser"].includes(stroke.kind)) {
        const touched = stamp(stroke.cover, painting(), from, point, inputs.softness.value / 100);
        stroke.box = stroke.box ? united(stroke.box, touched) : touched;
      }
    }
    drawStroke();
  }

  function end() {
    const done = stroke;
    stroke = null;
    const outline = outlineOf(done);
    let { cover } = done;
    if (outline) cover = polygon(painting(), outline);
    if (done.kind === "fill") {
      const { x, y } = done.points[0];
      const [column, row] = [Math.floor(x), Math.floor(y)];
      if (column < 0 || row < 0 || column >= painting().width || row >= painting().height) return draw();
      cover = bucket(painting(), done.mask, pixels, column, row, done.erase);
    }
    const painted = model.setShape(painting(), active, model.strokeFrame(area(), frame), paint(done.mask, cover, done.erase));
    commit(done.erase ? cutFromSubject(painted, cover) : painted);
  }

  // The subject is no area: what is erased of it becomes an area that stays still.
  function cutFromSubject(painted, cover) {
    if (area().still || !subject?.some((value, at) => value && cover[at])) return painted;
    let target = painted.areas.find((one) => one.still);
    const next = target ? painted : addArea(painted, words.cutOut, true);
    target ??= next.areas.at(-1);
    const mask = paint(model.shapeAt(next, target, frame), cover, false);
    return model.setShape(next, target.id, model.strokeFrame(target, frame), mask);
  }

  function cancel() {
    stroke = null;
    draw();
  }

  function outlineOf({ kind, points }) {
    if (kind === "lasso") return points;
    if (kind !== "rectangle") return null;
    const [a, b] = [points[0], points.at(-1)];
    return [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];
  }

  function toPainting({ clientX, clientY }) {
    const { left, top, width, height } = sheet.getBoundingClientRect();
    return {
      x: ((clientX - left) / width) * painting().width,
      y: ((clientY - top) / height) * painting().height,
    };
  }

  function radiusOf(event) {
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? 0.1 + 0.9 * event.pressure : 1;
    return (inputs.size.value / 2) * pressure;
  }

  // ---- drawing

  function layers() {
    const all = painting().areas.map((one) => ({
      mask: stroke && one.id === active ? stroke.live : model.shapeAt(painting(), one, frame),
      color: one.color,
      still: one.still,
      active: one.id === active,
    }));
    return subject ? [{ mask: subject, color: SUBJECT_COLOR, still: false, active: false }, ...all] : all;
  }

  function drawTint(part) {
    const options = { opacity: inputs.opacity.value / 100, invert: scene.invert, box: part };
    canvas.getContext("2d").putImageData(tint(painting(), layers(), options), part.left, part.top);
  }

  function drawStroke() {
    const outline = outlineOf(stroke);
    const scale = sheet.offsetWidth / painting().width;
    const at = (point) => `${point.x * scale},${point.y * scale}`;
    find(".trail polygon").setAttribute("points", outline ? outline.map(at).join(" ") : "");
    if (!stroke.box) return;
    const part = stroke.box;
    stroke.box = null;
    stroke.live = paint(stroke.mask, stroke.cover, stroke.erase);
    drawTint(part);
  }

  function draw() {
    const { width, height } = painting();
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    sheet.style.setProperty("--aspect", width / height);
    sheet.dataset.fit = scene.fit;
    sheet.dataset.pointer = ["brush", "eraser"].includes(tool) ? "ring" : "cross";
    find(".trail polygon").setAttribute("points", "");
    drawTint(box());
    drawBackdrop();
    drawControls();
    drawAreas();
    timebar.draw({ ...scene, frame, areas: painting().areas, active });
    drawRing();
  }

  function drawBackdrop() {
    const pictures = scene.keyframes.filter((key) => key.url);
    const inForce = pictures.findLast((key) => key.frame <= frame) ?? pictures[0];
    const back = pictures.find((key) => key.frame === pinned) ?? inForce;
    const others = onion ? pictures.filter((key) => key !== back) : [];
    const before = others.findLast((key) => key.frame <= frame);
    const after = others.find((key) => key.frame > frame);
    const wanted = [back, before, after].map((key) => key?.url ?? "");
    find(".empty").hidden = Boolean(back);
    if (shown === wanted.join("\n")) return;
    shown = wanted.join("\n");
    [".back", ".before", ".after"].forEach((name, index) => {
      find(name).hidden = !wanted[index];
      if (wanted[index]) find(name).src = wanted[index];
    });
    readBackdrop(wanted[0]);
  }

  // The drawing's pixels for the bucket, and its shape for an empty painting.
  async function readBackdrop(url) {
    pixels = null;
    if (!url) return;
    const picture = await loadPicture(url).catch(() => null);
    if (!picture || !shown.startsWith(url)) return;
    const scale = LONG_SIDE / Math.max(picture.naturalWidth, picture.naturalHeight);
    const [width, height] = [Math.round(picture.naturalWidth * scale), Math.round(picture.naturalHeight * scale)];
    if (isEmpty() && (painting().width !== width || painting().height !== height)) {
      history = model.historyOf({ ...painting(), width, height });
      readSubject();
      draw();
    }
    pixels = pixelsOf(picture, painting(), scene.fit);
  }

  const isEmpty = () =>
    [...history.past, history.now, ...history.future].every((one) => one.areas.every((each) => !each.keys.length));

  async function readSubject() {
    const url = scene.subject;
    const picture = url && (await loadPicture(url).catch(() => null));
    if (url !== scene.subject) return;
    subject = picture ? maskOf(picture, painting(), scene.fit) : null;
    draw();
  }

  function drawControls() {
    for (const name of TOOLS) press(name, tool === name);
    press("onion", onion);
    press("invert", scene.invert);
    const shape = area()?.keys.find((key) => key.frame === frame);
    const enable = (name, on) => (find(`[data-do=${name}]`).disabled = !on);
    enable("undo", history.past.length);
    enable("redo", history.future.length);
    enable("clear", area() && !isBlank(model.shapeAt(painting(), area(), frame)));
    enable("addShape", area()?.keys.length && !shape);
    enable("copyShape", area()?.keys.some((key) => key.frame < frame));
    enable("removeShape", shape);
    find("[data-do=play]").innerHTML = icon(playing ? "pause" : "play");
    for (const [name, input] of Object.entries(inputs)) find(`output[name=${name}]`).value = input.value;
    find(".readout").innerHTML = `${frame} <small>/ ${scene.frames - 1}</small>`;
    const hint = warning || hintOf();
    find(".hint").textContent = hint;
    find(".hint").title = hint;
    find(".hint").classList.toggle("warning", Boolean(warning) || outside() !== undefined);
    const pictures = scene.keyframes.filter((key) => key.url);
    const select = find(".backdrop");
    select.hidden = pictures.length < 2;
    const choices = pictures.map((key) => key.frame);
    if (select.dataset.choices !== String(choices)) {
      select.dataset.choices = choices;
      select.replaceChildren(
        new Option(words.automatic, ""),
        ...choices.map((at, index) => new Option(`${index + 1} · ${words.frame} ${at}`, at)),
      );
    }
    select.value = choices.includes(pinned) ? pinned : "";
  }

  const outside = () => painting().areas.flatMap((one) => one.keys).find((key) => key.frame >= scene.frames)?.frame;

  function hintOf() {
    if (outside() !== undefined) return words.outside(outside());
    const shapes = area()?.keys ?? [];
    if (scene.unseen) return words.unseen;
    if (!painting().areas.some((one) => one.keys.some((key) => !isBlank(key.mask)))) return subject ? "" : words.nothing;
    if (shapes.length < 2) return shapes.length ? words.oneShape : "";
    if (shapes.some((key) => key.frame === frame)) return words.onShape;
    return words.betweenShapes;
  }

  function drawAreas() {
    const list = find(".areas");
    list.replaceChildren(
      ...painting().areas.map((one) => {
        const chip = document.createElement("div");
        chip.className = `area${one.still ? " still" : ""}`;
        chip.dataset.id = one.id;
        chip.setAttribute("role", "option");
        chip.setAttribute("aria-selected", one.id === active);
        chip.style.setProperty("--color", one.color);
        chip.innerHTML = `<button class="dot" data-do="still"></button><span class="name"></span>
          <button class="remove" data-do="removeArea">${icon("remove")}</button>`;
        label(chip.querySelector(".dot"), one.still ? words.still : words.moves);
        label(chip.querySelector(".remove"), words.removeArea(one.name));
        const name = chip.querySelector(".name");
        name.textContent = one.name;
        name.title = words.rename;
        return chip;
      }),
    );
    list.insertAdjacentHTML("beforeend", button("add", words.addArea));
  }

  function drawRing() {
    const touches = ["brush", "eraser"].includes(tool);
    ring.hidden = !lastPoint || !touches;
    if (ring.hidden) return;
    const { x, y, radius } = lastPoint;
    const scale = sheet.offsetWidth / painting().width;
    const size = 2 * radius * scale;
    Object.assign(ring.style, { width: `${size}px`, height: `${size}px` });
    ring.style.transform = `translate(${x * scale - size / 2}px, ${y * scale - size / 2}px)`;
  }

  function press(name, on) {
    find(`[data-do=${name}]`).setAttribute("aria-pressed", on);
  }

  // ---- what the buttons and keys do

  const actions = {
    ...Object.fromEntries(TOOLS.map((name) => [name, () => pick(name)])),
    undo: () => step(model.undo),
    redo: () => step(model.redo),
    clear: () => change(blank(painting())),
    invert: () => host.setInvert(!scene.invert),
    onion: () => (onion = !onion),
    play,
    add: () => commit(newArea()),
    addShape: () => commit(model.setShape(painting(), active, frame, model.shapeAt(painting(), area(), frame))),
    copyShape: () => {
      const { mask } = area().keys.findLast((key) => key.frame < frame);
      commit(model.setShape(painting(), active, frame, mask));
    },
    removeShape: () => commit(model.removeShape(painting(), active, frame)),
    still: (id) => {
      const { still } = painting().areas.find((one) => one.id === id);
      commit(model.changeArea(painting(), id, { still: !still }));
    },
    removeArea: (id) => commit(model.removeArea(painting(), id)),
  };

  function act(name, id) {
    if (stroke || find(`[data-do=${name}]`)?.disabled) return;
    actions[name](id);
    refresh();
    draw();
  }

  const pick = (name) => (tool = name);

  function step(way) {
    history = way(history);
    kept();
  }

  function seek(to) {
    frame = to;
    draw();
  }

  function play() {
    if (playing) return stop();
    const [start, from] = [performance.now(), frame];
    const turn = (now) => {
      if (!root.isConnected) return stop();
      playing = requestAnimationFrame(turn);
      const next = (from + Math.floor(((now - start) / 1000) * scene.fps)) % scene.frames;
      if (next !== frame) seek(next);
    };
    playing = requestAnimationFrame(turn);
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = null;
    draw();
  }

  function rename(chip) {
    const { id } = chip.dataset;
    const field = document.createElement("input");
    field.value = painting().areas.find((one) => one.id === id).name;
    const done = (keep) => {
      field.onblur = null;
      const name = field.value.trim();
      if (keep && name) commit(model.changeArea(painting(), id, { name }));
      else draw();
      keys.focus({ preventScroll: true });
    };
    field.onblur = () => done(true);
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") done(true);
      if (event.key === "Escape") done(false);
    });
    chip.querySelector(".name").replaceWith(field);
    field.focus();
    field.select();
  }

  function keyDown(event) {
    if (event.target.tagName === "INPUT" && event.target.type === "text" && event.target !== keys) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return; // the host's own: save, run
      event.preventDefault();
      event.stopPropagation();
      return act(key === "y" || event.shiftKey ? "redo" : "undo");
    }
    event.stopPropagation();
    if (event.altKey) return;
    if (TOOL_KEYS[key]) act(TOOL_KEYS[key]);
    else if (key === "x") act(tool === "brush" ? "eraser" : "brush");
    else if (key === "[" || key === "]") resize(key === "]" ? 1 : -1);
    else if (key === "escape" && stroke) cancel();
    else if (event.target === timebar.element && (key === "arrowleft" || key === "arrowright")) {
      seek(Math.min(scene.frames - 1, Math.max(0, frame + (key === "arrowright" ? 1 : -1))));
    }
  }

  function resize(direction) {
    const size = Number(inputs.size.value);
    inputs.size.value = size + direction * Math.max(1, Math.round(size * 0.15));
    if (lastPoint) lastPoint.radius = inputs.size.value / 2;
    draw();
  }

  // ---- events; none of them reaches the graph behind, but the middle button, which pans it

  for (const name of ["pointerdown", "pointermove", "pointerup", "mousedown", "dblclick", "contextmenu"]) {
    root.addEventListener(name, (event) => {
      if (event.button !== 1 && !(event.buttons & 4)) event.stopPropagation();
    });
  }
  root.addEventListener("keydown", keyDown);
  root.addEventListener("pointerenter", refresh);
  root.addEventListener("click", (event) => {
    const chip = event.target.closest(".area");
    if (chip) active = chip.dataset.id;
    const pressed = event.target.closest("[data-do]");
    if (pressed) act(pressed.dataset.do, chip?.dataset.id);
    else if (chip && event.detail === 2) return rename(chip); // no dblclick comes, as the first click draws a new chip
    else if (chip) draw();
    if (event.detail > 0 && !["INPUT", "SELECT"].includes(event.target.tagName)) keys.focus({ preventScroll: true });
  });
  for (const input of Object.values(inputs)) input.addEventListener("input", draw);
  find(".backdrop").addEventListener("change", (event) => {
    pinned = event.target.value === "" ? null : Number(event.target.value);
    draw();
  });
  sheet.addEventListener("contextmenu", (event) => event.preventDefault());
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button === 1 || !event.isPrimary || stroke) return;
    event.preventDefault();
    keys.focus({ preventScroll: true });
    if (playing) stop();
    sheet.setPointerCapture(event.pointerId);
    begin(event);
  });
  sheet.addEventListener("pointermove", (event) => {
    lastPoint = { ...toPainting(event), radius: radiusOf(event) };
    if (stroke?.pointer === event.pointerId) extend(event);
    drawRing();
  });
  sheet.addEventListener("pointerup", (event) => {
    if (stroke?.pointer === event.pointerId) end();
  });
  sheet.addEventListener("pointercancel", (event) => {
    if (stroke?.pointer === event.pointerId) cancel();
  });
  sheet.addEventListener("pointerleave", () => {
    lastPoint = null;
    drawRing();
  });

  function refresh() {
    const next = host.scene();
    if (stroke || JSON.stringify(next) === JSON.stringify(scene)) return;
    const before = scene.subject;
    scene = next;
    frame = Math.min(frame, scene.frames - 1);
    draw();
    if (scene.subject !== before) readSubject();
  }

  refresh();
  return {
    painting,
    refresh,
    load(loaded) {
      history = model.historyOf(loaded);
      active = loaded.areas[0]?.id ?? null;
      warning = "";
      shown = "";
      draw();
      readSubject();
    },
    warn(text) {
      warning = text;
      draw();
    },
  };
}

const united = (a, b) => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
});

const button = (name, text) =>
  `<button type="button" data-do="${name}" title="${text}" aria-label="${text}">${icon(name)}</button>`;

const slider = (name, text, min, max, value) =>
  `<label class="slider">${text}<input type="range" name="${name}" min="${min}" max="${max}" value="${value}"><output name="${name}"></output></label>`;

function label(element, text) {
  element.title = text;
  element.setAttribute("aria-label", text);
}
