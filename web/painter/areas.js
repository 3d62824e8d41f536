// The list of areas: which one is painted, which stay still, and their names.
import { find } from "../page.js";
import { areaOf } from "./model.js";
import { button, label } from "./page.js";
import { icon } from "./style.js";

export class AreaList {
  /**
   * @param {import("./page.js").Page} page
   * @param {import("./editor.js").Editor} editor
   */
  constructor(page, editor) {
    this.page = page;
    this.editor = editor;
  }

  draw() {
    const { areas, words } = this.page;
    areas.replaceChildren(...this.editor.painting.areas.map((area) => this.makeChip(area)));
    areas.insertAdjacentHTML("beforeend", button("add", words.addArea));
  }

  /** @param {import("./model.js").Area} area */
  makeChip({ id, name, color, still }) {
    const { words } = this.page;
    const chip = document.createElement("div");
    chip.className = `area${still ? " still" : ""}`;
    chip.dataset.id = id;
    chip.setAttribute("role", "option");
    chip.setAttribute("aria-selected", String(id === this.editor.active));
    chip.style.setProperty("--color", color);
    chip.innerHTML = `<button class="dot" data-do="still"></button><span class="name"></span>
          <button class="remove" data-do="removeArea">${icon("remove")}</button>`;
    label(find(chip, ".dot", HTMLElement), still ? words.still : words.moves);
    label(find(chip, ".remove", HTMLElement), words.removeArea(name));
    const text = find(chip, ".name", HTMLElement);
    text.textContent = name;
    text.title = words.rename;
    return chip;
  }

  /**
   * A field in the place of the name, until Enter or a click elsewhere keeps it, or Escape does not.
   * @param {HTMLElement} chip
   * @param {string} id
   */
  rename(chip, id) {
    const field = document.createElement("input");
    field.value = areaOf(this.editor.painting, id).name;
    /** @param {boolean} keep */
    const done = (keep) => {
      field.onblur = null;
      const name = field.value.trim();
      if (keep && name) this.editor.rename(id, name);
      else this.editor.redraw();
      this.page.keys.focus({ preventScroll: true });
    };
    field.onblur = () => done(true);
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") done(true);
      if (event.key === "Escape") done(false);
    });
    find(chip, ".name", HTMLElement).replaceWith(field);
    field.focus();
    field.select();
  }
}
