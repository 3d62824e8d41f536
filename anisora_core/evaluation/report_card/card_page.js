// Plays every clip of the page in step, from sheets of frames, and moves the line in each curve along.
"use strict";
const sheets = JSON.parse(document.getElementById("sheets").textContent);
const pictures = new Map();
const find = (query, root = document) => [...root.querySelectorAll(query)];
const slider = document.getElementById("time"), play = document.getElementById("play"), clock = document.getElementById("clock"), rate = document.getElementById("rate");
const seconds = Math.max(0.1, ...Object.values(sheets).map((sheet) => sheet.frames.length / sheet.fps));
let now = 0, running = false, before = 0;
const visible = new Set();

function pictureOf(name) {
  if (!pictures.has(name)) {
    const image = new Image();
    image.onload = draw;
    image.src = sheets[name].url;
    pictures.set(name, image);
  }
  return pictures.get(name);
}

function paint(canvas, index) {
  const sheet = sheets[canvas.dataset.sheet], image = pictureOf(canvas.dataset.sheet);
  if (!image.complete || !image.naturalWidth) return;
  const { width, height, columns } = sheet;
  canvas.getContext("2d").drawImage(image, (index % columns) * width, Math.floor(index / columns) * height, width, height, 0, 0, width, height);
  canvas.dataset.shown = index;
}

function draw() {
  for (const canvas of visible) {
    const sheet = sheets[canvas.dataset.sheet];
    const fixed = canvas.dataset.frame;
    const index = fixed === undefined ? Math.min(sheet.frames.length - 1, Math.floor(now * sheet.fps + 1e-6)) : Number(fixed);
    paint(canvas, index);
  }
  for (const line of find(".head")) {
    const share = Math.min(1, now / Number(line.dataset.seconds));
    line.setAttribute("x1", share * 300);
    line.setAttribute("x2", share * 300);
  }
  slider.value = String((now / seconds) * 1000);
  clock.textContent = `${now.toFixed(2)} / ${seconds.toFixed(2)} s`;
}

function seek(to) {
  now = Math.max(0, Math.min(seconds - 1e-3, to));
  draw();
}

function tick(at) {
  if (!running) return;
  now = (now + ((at - before) / 1000) * Number(rate.value)) % seconds;
  before = at;
  draw();
  requestAnimationFrame(tick);
}

function toggle() {
  running = !running;
  play.textContent = running ? "Pause" : "Play";
  before = performance.now();
  if (running) requestAnimationFrame(tick);
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) visible[entry.isIntersecting ? "add" : "delete"](entry.target);
  draw();
}, { rootMargin: "300px" });
find("canvas").forEach((canvas) => watcher.observe(canvas));
play.addEventListener("click", toggle);
slider.addEventListener("input", () => seek((Number(slider.value) / 1000) * seconds));
find(".curve svg").forEach((svg) => svg.addEventListener("click", (event) => {
  const box = svg.getBoundingClientRect();
  seek(((event.clientX - box.left) / box.width) * Number(svg.querySelector(".head").dataset.seconds));
}));
find(".worst figure").forEach((figure) => figure.addEventListener("click", () => {
  const canvas = figure.querySelector("canvas"), sheet = sheets[canvas.dataset.sheet];
  document.getElementById(figure.dataset.clip)?.scrollIntoView({ block: "center" });
  seek((Number(canvas.dataset.frame) + 0.5) / sheet.fps);
}));
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, button, summary")) return;
  const frame = 1 / Math.max(...Object.values(sheets).map((sheet) => sheet.fps));
  const step = { ArrowRight: frame, ArrowLeft: -frame }[event.key];
  if (event.key === " ") toggle();
  else if (step) seek(now + step);
  else return;
  event.preventDefault();
});
draw();
