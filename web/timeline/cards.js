// The drawings on the strip, one card each.
import { element, icon } from "./elements.js";
import { isDoubled } from "./placing.js";

/**
 * @typedef {import("./placing.js").Key} Key
 * @typedef {ReturnType<Cards["makeCard"]>} Card
 */

const THIN = 26; // px: a narrower card has no room for its number
let count = 0; // of all strips of the page, for their ids

export class Cards {
  /**
   * @param {import("./strip.js").Strip} strip
   * @param {import("./view.js").View} view
   */
  constructor(strip, view) {
    this.strip = strip;
    this.view = view;
    /** @type {Map<string, Card>} by id of the keyframe */
    this.cards = new Map();
  }

  render() {
    const { keys, root, chosen } = this.strip;
    for (const [id, card] of this.cards) {
      if (keys.some((key) => key.id === id)) continue;
      card.root.remove();
      this.cards.delete(id);
    }
    const order = [...keys].sort((a, b) => a.at - b.at);
    order.forEach((key, i) => {
      const card = this.cards.get(key.id) ?? this.makeCard(key.id);
      this.cards.set(key.id, card);
      const before = order.findLast((other) => other.at < key.at);
      const after = order.find((other) => other.at > key.at);
      const stacked = order.slice(0, i).filter((other) => other.at === key.at).length;
      this.place(card, key, { before, after, stacked });
    });
    root.setAttribute("aria-activedescendant", (chosen && this.cards.get(chosen)?.root.id) || "");
  }

  /** @param {string} id */
  makeCard(id) {
    const image = element("img", { alt: "", draggable: "false" });
    const name = element("span", { class: "name" });
    const at = element("span", { class: "at" });
    const force = element("span", { class: "force" });
    const badge = element("span", { class: "badge" }, icon("link"));
    const pin = element("span", { class: "pin" });
    const card = element("div", { class: "card" }, image, name, at, force, badge);
    const root = element("div", { class: "key", role: "option", id: `anisora-key-${++count}` }, pin, card);
    root.addEventListener("pointerdown", (event) => this.view.input.dragKey(event, id));
    this.view.row.append(root);
    return { root, image, name, at, force, badge, pin };
  }

  /**
   * @param {Card} card
   * @param {Key} key
   * @param {{before: Key | undefined, after: Key | undefined, stacked: number}} around its neighbours in time, and how
   *   many lie under it
   */
  place(card, key, { before, after, stacked }) {
    const picture = this.strip.pictures.of(key.url);
    const chosen = key.id === this.strip.chosen;
    const middle = this.view.middle(key.at);
    const [left, right] = this.span(middle, this.view.rowHeight * (picture.aspect ?? 1.4), chosen ? {} : { before, after });
    const above = this.strip.drag ? 4 : 3;
    Object.assign(card.root.style, {
      left: `${left + stacked * 8}px`, width: `${right - left}px`, zIndex: chosen ? above : 1,
    });
    card.pin.style.left = `${middle - left - stacked * 8}px`;
    this.write(card, key, picture);
    const wrong = key.asked === null || isDoubled(this.strip.keys, key);
    for (const [name, on] of Object.entries({ chosen, wrong, linked: key.linked, thin: right - left < THIN })) {
      card.root.classList.toggle(name, on);
    }
    card.root.setAttribute("aria-selected", String(chosen));
  }

  /**
   * What is on the card.
   * @param {Card} card
   * @param {Key} key
   * @param {import("./pictures.js").Picture} picture
   */
  write(card, key, picture) {
    const { words } = this.strip;
    if (card.image.getAttribute("src") !== (picture.thumb ?? null)) {
      if (picture.thumb) card.image.src = picture.thumb;
      else card.image.removeAttribute("src");
    }
    card.image.hidden = !picture.thumb;
    card.name.textContent = picture.thumb ? "" : key.label;
    const isMoved = key.asked !== null && key.asked !== key.at;
    card.at.textContent = isMoved ? words.snapped(key.asked ?? key.at, key.at) : String(key.at);
    card.force.style.width = `${key.strength < 1 ? key.strength * 100 : 0}%`;
    card.badge.hidden = !key.linked;
    card.root.title = this.tip(key);
    card.root.setAttribute("aria-label", words.keyframe(key.label, key.at));
  }

  /** @param {Key} key */
  tip(key) {
    const { words } = this.strip;
    const lines = [key.label, words.time(key.at, (key.at / this.strip.fps).toFixed(2)), `${words.strength} ${key.strength}`];
    if (key.linked) lines.push(key.locked ? words.locked : words.linked);
    if (key.asked === null) lines.push(words.outside(key.position, this.strip.numFrames));
    else if (key.asked !== key.at) lines.push(words.movedTo(key.asked, key.at, this.strip.clip.release));
    return lines.join("\n");
  }

  /**
   * Left and right of a card: its picture's width around its frame, up to half way to its neighbours.
   * @param {number} middle
   * @param {number} width
   * @param {{before?: Key, after?: Key}} neighbours
   */
  span(middle, width, { before, after }) {
    /** @param {Key} other */
    const half = (other) => (this.view.middle(other.at) + middle) / 2;
    const start = Math.max(2, Math.min(this.view.width - width - 2, middle - width / 2));
    const left = before ? Math.max(start, half(before) + 0.5) : start;
    const right = after ? Math.min(start + width, half(after) - 0.5) : start + width;
    return [left, Math.max(right, left + 3)];
  }
}
