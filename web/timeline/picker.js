// The page that lies over the strip to choose drawings from the workflow's nodes, the input folder or the disk.
import { element, icon, iconButton } from "./elements.js";

const SHOWN = 200; // pictures at a time; the search narrows a larger folder

/**
 * @typedef {{kind: "node" | "file", id: string, label: string, url: string | null}} Choice
 * @param {object} page
 * @param {object} page.words
 * @param {Choice[]} page.nodes
 * @param {Promise<Choice[]>} page.files
 * @param {(choices: Choice[]) => void} page.place
 * @param {(files: File[]) => void} page.store
 * @param {() => void} page.close
 * @returns {HTMLElement}
 */
export function makePicker({ words, nodes, files, place, store, close }) {
  const chosen = [];
  let all = nodes;
  const list = element("div", { class: "list" });
  const search = element("input", { type: "search", placeholder: words.search, "aria-label": words.search, oninput: fill });
  const placeButton = element("button", { type: "button", class: "main", onclick: done }, words.place(0));
  const fromDisk = element("button", { type: "button", class: "main", onclick: () => disk.click() }, words.fromDisk);
  const disk = element("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
  disk.addEventListener("change", () => store([...disk.files]));
  const bar = element("div", { class: "bar" }, search, fromDisk, placeButton, iconButton("close", words.close, close), disk);
  const page = element("div", { class: "picker", role: "dialog", "aria-label": words.addImages }, bar, list);
  page.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && chosen.length && event.target === search) done();
  });
  files.then((found) => {
    all = [...nodes, ...found];
    fill();
  });
  fill();
  return page;

  function done() {
    place(chosen);
  }

  function fill() {
    const wanted = all.filter((one) => one.label.toLowerCase().includes(search.value.toLowerCase()));
    const section = (title, kind) => {
      const some = wanted.filter((one) => one.kind === kind).slice(0, SHOWN);
      return some.length ? [element("h4", {}, title), element("div", { class: "grid" }, ...some.map(tile))] : [];
    };
    list.replaceChildren(...section(words.fromNodes, "node"), ...section(words.fromInput, "file"));
    if (!list.children.length) list.append(element("h4", {}, words.nothing));
    mark();
  }

  function tile(choice) {
    const picture = choice.url
      ? element("img", { src: choice.url, loading: "lazy", alt: "" })
      : element("div", { class: "blank" }, icon("image"));
    const made = element("button", { type: "button", title: choice.label }, picture, element("span", {}, choice.label));
    made.choice = choice;
    made.addEventListener("click", () => {
      const at = chosen.indexOf(choice);
      if (at < 0) chosen.push(choice);
      else chosen.splice(at, 1);
      mark();
    });
    made.addEventListener("dblclick", () => place([choice]));
    return made;
  }

  function mark() {
    for (const made of list.querySelectorAll("button")) {
      const at = chosen.indexOf(made.choice);
      made.classList.toggle("chosen", at >= 0);
      made.dataset.order = at + 1;
      made.setAttribute("aria-pressed", at >= 0);
    }
    placeButton.textContent = words.place(chosen.length);
    placeButton.disabled = !chosen.length;
  }
}
