// The page that lies over the strip to choose drawings from the workflow's nodes, the input folder or the disk.
import { element, icon, iconButton } from "./elements.js";

/**
 * @typedef {{kind: "node" | "file", id: string, label: string, url: string | null}} Choice
 *
 * @typedef {object} Then what is done with what was chosen
 * @property {(choices: Choice[]) => void} place
 * @property {(files: File[]) => void} store
 * @property {() => void} close
 */

const SHOWN = 200; // pictures at a time; the search narrows a larger folder

export class Picker {
  /**
   * @param {import("./words.js").Words} words
   * @param {Choice[]} choices
   * @param {Then} then
   */
  constructor(words, choices, then) {
    this.words = words;
    this.then = then;
    this.all = choices;
    /** @type {Choice[]} in the order they were clicked */
    this.chosen = [];
    /** @type {{root: HTMLButtonElement, choice: Choice}[]} */
    this.tiles = [];
    this.list = element("div", { class: "list" });
    this.search = element("input", { type: "search", placeholder: words.search, "aria-label": words.search });
    this.search.addEventListener("input", () => this.fill());
    this.placeButton = element("button", { type: "button", class: "main", onclick: () => this.done() }, words.place(0));
    this.root = element("div", { class: "picker", role: "dialog", "aria-label": words.addImages }, this.makeBar(), this.list);
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") then.close();
      if (event.key === "Enter" && this.chosen.length && event.target === this.search) this.done();
    });
    this.fill();
  }

  makeBar() {
    const { words, then } = this;
    const disk = element("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
    disk.addEventListener("change", () => then.store([...(disk.files ?? [])]));
    const fromDisk = element("button", { type: "button", class: "main", onclick: () => disk.click() }, words.fromDisk);
    const close = iconButton("close", words.close, then.close);
    return element("div", { class: "bar" }, this.search, fromDisk, this.placeButton, close, disk);
  }

  /**
   * More choices, when they have arrived.
   * @param {Promise<Choice[]>} choices
   */
  async add(choices) {
    this.all = [...this.all, ...(await choices)];
    this.fill();
  }

  done() {
    this.then.place(this.chosen);
  }

  fill() {
    const wanted = this.all.filter((one) => one.label.toLowerCase().includes(this.search.value.toLowerCase()));
    this.tiles = [];
    this.list.replaceChildren(
      ...this.section(this.words.fromNodes, wanted.filter((one) => one.kind === "node")),
      ...this.section(this.words.fromInput, wanted.filter((one) => one.kind === "file")),
    );
    if (!this.list.children.length) this.list.append(element("h4", {}, this.words.nothing));
    this.mark();
  }

  /**
   * @param {string} title
   * @param {Choice[]} choices
   */
  section(title, choices) {
    const tiles = choices.slice(0, SHOWN).map((choice) => this.makeTile(choice));
    return tiles.length ? [element("h4", {}, title), element("div", { class: "grid" }, ...tiles)] : [];
  }

  /** @param {Choice} choice */
  makeTile(choice) {
    const picture = choice.url
      ? element("img", { src: choice.url, loading: "lazy", alt: "" })
      : element("div", { class: "blank" }, icon("image"));
    const root = element("button", { type: "button", title: choice.label }, picture, element("span", {}, choice.label));
    root.addEventListener("click", () => this.toggle(choice));
    root.addEventListener("dblclick", () => this.then.place([choice]));
    this.tiles.push({ root, choice });
    return root;
  }

  /** @param {Choice} choice */
  toggle(choice) {
    const at = this.chosen.indexOf(choice);
    if (at < 0) this.chosen.push(choice);
    else this.chosen.splice(at, 1);
    this.mark();
  }

  mark() {
    for (const { root, choice } of this.tiles) {
      const at = this.chosen.indexOf(choice);
      root.classList.toggle("chosen", at >= 0);
      root.dataset.order = String(at + 1);
      root.setAttribute("aria-pressed", String(at >= 0));
    }
    this.placeButton.textContent = this.words.place(this.chosen.length);
    this.placeButton.disabled = !this.chosen.length;
  }
}
