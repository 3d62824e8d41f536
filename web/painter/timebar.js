// The clip as a bar: its keyframes, the shapes of the areas, and the frame that is looked at.

// `seek(frame)` is called while the bar is dragged. Returns { element, draw(state) }.
export function createTimebar(words, seek) {
  const element = document.createElement("div");
  element.className = "track";
  element.tabIndex = 0;
  element.setAttribute("role", "slider");
  element.setAttribute("aria-label", words.frame);
  element.setAttribute("aria-valuemin", 0);
  const inner = element.appendChild(document.createElement("div"));
  inner.className = "inner";
  let frames = 1;

  const frameAt = (event) => {
    const { left, width } = inner.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    return Math.round(share * (frames - 1));
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    seek(frameAt(event));
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) seek(frameAt(event));
  });

  const draw = (state) => {
    frames = state.frames;
    element.setAttribute("aria-valuemax", frames - 1);
    element.setAttribute("aria-valuenow", state.frame);
    inner.replaceChildren();
    const add = (tag, className, frame, color) => {
      const part = inner.appendChild(document.createElement(tag));
      part.className = className;
      part.style.left = `${(100 * frame) / Math.max(1, frames - 1)}%`;
      if (color) part.style.setProperty("--color", color);
      return part;
    };
    for (const { frame, url, label } of state.keyframes) {
      const picture = add(url ? "img" : "span", url ? "" : "bare", frame);
      if (url) Object.assign(picture, { src: url, alt: label, draggable: false });
    }
    add("div", "rail", 0).style.left = 0;
    for (const area of state.areas) {
      const active = area.id === state.active;
      if (active && area.keys.length > 1) {
        const [first, last] = [area.keys[0].frame, area.keys.at(-1).frame];
        add("div", "span", first, area.color).style.width = `${(100 * (last - first)) / Math.max(1, frames - 1)}%`;
      }
      for (const { frame } of area.keys) {
        if (frame >= frames) continue;
        add("div", `key${active ? "" : " other"}${active && frame === state.frame ? " here" : ""}`, frame, area.color);
      }
    }
    add("div", "head", state.frame);
  };
  return { element, draw };
}
