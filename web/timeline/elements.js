// Small ways to make elements; `on...` keys are listeners, `class` and `data-...` attributes.

/**
 * @typedef {Record<string, string | number | boolean | null | undefined | EventListener>} Attributes
 */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

const PATHS = {
  play: "M5 3.5v9l7.5-4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  image: "M2.5 3h8M2.5 3v10h11V7M2.5 11l3-3 2.5 2.5 2-2 3.5 3M13 1.5v4M11 3.5h4",
  prompt: "M2.5 3.5H10M2.5 7H9M2.5 10.5h6M12.5 8v5M10 10.5h5",
  undo: "M6 3 3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
  redo: "M10 3l3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H10",
  minus: "M4 8h8",
  plus: "M4 8h8M8 4v8",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M7 7v3.5M9 7v3.5",
  link: "M7 9a2.6 2.6 0 0 0 3.8 0l2-2A2.7 2.7 0 0 0 9 3.2l-.8.8M9 7a2.6 2.6 0 0 0-3.8 0l-2 2A2.7 2.7 0 0 0 7 12.8l.8-.8",
  close: "M4 4l8 8M12 4l-8 8",
};

/** @param {keyof PATHS} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button that says in words what its picture means.
 * @param {keyof PATHS} name
 * @param {string} title
 * @param {() => void} onclick
 * @param {Attributes} more
 */
export function iconButton(name, title, onclick, more = {}) {
  return element("button", { type: "button", title, "aria-label": title, onclick, ...more }, icon(name));
}
