// The training in a root element, drawn from the last message alone: facts, loss, samples, warnings and the folder's report.
import { drawCurve } from "./curve.js";
import { addStyle } from "./style.js";
import { duration } from "./text.js";

// host: { words, from text.js; viewUrl(sheet) -> the address of a picture }
// Returns { show(message), destroy() }; messages are those of nodes/host/training.py.
export function createView(root, { words, viewUrl }) {
  addStyle();
  root.classList.add("anisora-trainer");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", words.view);
  root.innerHTML = `
    <div class="idle"></div>
    <div class="facts"><span class="phase" role="status"></span><span class="done"></span>
      <span class="rest"><span class="left"></span><span class="memory"></span></span></div>
    <div class="bar"><div></div></div>
    <div class="warnings" role="alert"></div>
    <div class="curve" role="img"><canvas></canvas></div>
    <figure><a target="_blank" rel="noopener"><img></a><figcaption></figcaption></figure>
    <details><summary></summary><div class="lines"></div></details>`;
  const find = (selector) => root.querySelector(selector);
  const image = find("img");
  let last = null;

  find(".idle").textContent = words.idle;
  find(".memory").title = words.memoryTip;
  find(".curve").title = words.loss;
  find(".curve").setAttribute("aria-label", words.loss);
  find("a").title = words.sheet;
  image.alt = words.sheet;

  const color = (name) => getComputedStyle(root).getPropertyValue(`--${name}`);
  const draw = () => {
    if (!last?.curve.length) return;
    const steps = last.phase === "encoding" ? last.curve.at(-1)[0] : last.total;
    drawCurve(find("canvas"), last.curve, steps, { line: color("line"), faint: color("faint"), hot: color("hot") });
  };
  const resized = new ResizeObserver(draw);
  resized.observe(find(".curve"));

  function show(message) {
    last = message;
    root.dataset.phase = message?.phase ?? "";
    for (const part of root.children) part.hidden = !message;
    find(".idle").hidden = Boolean(message);
    if (!message) return;
    const { phase, done, total } = message;
    const isTraining = phase === "training" || phase === "stopping";
    find(".phase").textContent = words.phases[phase];
    find(".done").textContent = phase === "encoding" ? words.of(done, total) : words.step(done, total);
    find(".left").textContent = isTraining && done < total ? words.left(duration(message.seconds_left, words)) : "";
    find(".memory").textContent = message.gigabytes ? words.memory(message.gigabytes) : "";
    find(".bar div").style.width = `${(100 * done) / Math.max(1, total)}%`;
    find(".warnings").replaceChildren(...message.warnings.map(line));
    find(".warnings").hidden = !message.warnings.length;
    find(".curve").hidden = !message.curve.length;
    draw();
    showSheet(message);
    showReport(message.report);
  }

  function showSheet({ sheet, motion_ratio: ratio }) {
    find("figure").hidden = !sheet;
    if (!sheet) return;
    const url = viewUrl(sheet);
    if (find("a").href !== new URL(url, location.href).href) find("a").href = image.src = url;
    const step = Number(/\d+/.exec(sheet.filename));
    find("figcaption").textContent = [words.sampled(step), ...(ratio ? [words.motion(ratio)] : [])].join(" · ");
  }

  function showReport(lines) {
    find("details").hidden = !lines.length;
    find("summary").textContent = `${words.folder}: ${lines[0]}`;
    find(".lines").replaceChildren(...lines.slice(1).map(line));
  }

  show(null);
  return { show, destroy: () => resized.disconnect() };
}

function line(text) {
  const made = document.createElement("div");
  made.textContent = text;
  return made;
}
