// The drawing tools beside the chart, and the few things that can be done with the drawing that is selected.

import { ask } from "./ask.js";
import { byId, icon, make } from "./dom.js";
import { COLOURS, TOOLS } from "./overlays.js";
import { recall, remember } from "./preferences.js";

/** Below this width the tools would take the chart's place: they open only when they are asked for. */
const WIDE = matchMedia("(width >= 760px)");

export class Toolbar {
  /** @type {Map<string, HTMLElement>} */
  #tools = new Map();
  /** @type {Record<"magnet" | "lock" | "eye", HTMLElement>} */
  #switches;

  /** @param {import("./drawings.js").DrawingBoard} board */
  constructor(board) {
    this.board = board;
    for (const { overlay, title, icon: picture } of TOOLS) {
      const button = this.#button(picture, title, () => this.#choose(overlay));
      this.#tools.set(overlay, button);
      byId("tools").append(button);
    }
    this.#switches = {
      magnet: this.#button("magnet", "Magnet: snap to prices", () => board.toggleMagnet()),
      lock: this.#button("lock", "Lock all drawings", () => board.toggleLocked()),
      eye: this.#button("eye", "Hide all drawings", () => board.toggleHidden()),
    };
    byId("tools").append(
      make("hr", {}),
      ...Object.values(this.#switches),
      this.#button("trash", "Delete all drawings", () => void this.#removeAll()),
    );
    for (const colour of COLOURS) {
      const swatch = make("button", {
        type: "button",
        class: "swatch",
        "aria-label": `Colour ${colour}`,
        onclick: () => board.selected && board.alter(board.selected, { colour }),
      });
      swatch.style.setProperty("--colour", colour);
      byId("selected-colours").append(swatch);
    }
    byId("selected-edit").addEventListener("click", () => board.selected && void board.editText(board.selected));
    byId("selected-remove").addEventListener("click", () => board.selected && board.remove(board.selected));
    byId("draw-button").addEventListener("click", () => this.toggle());
    this.#show(WIDE.matches && recall("tools", true));
    this.refresh();
  }

  toggle() {
    const wanted = byId("tools").hidden;
    this.#show(wanted);
    if (WIDE.matches) remember("tools", wanted);
  }

  refresh() {
    const { board } = this;
    for (const [overlay, button] of this.#tools) {
      button.setAttribute("aria-pressed", String(board.tool === overlay));
    }
    this.#switches.magnet.setAttribute("aria-pressed", String(board.isMagnetic));
    this.#switches.lock.setAttribute("aria-pressed", String(board.areLocked));
    this.#switches.eye.setAttribute("aria-pressed", String(board.isHidden));
    for (const button of byId("tools").querySelectorAll("button")) {
      button.disabled = board.isReadOnly && button !== this.#switches.eye;
    }
    const selected = board.selected === null ? undefined : board.drawings.get(board.selected);
    byId("selected").hidden = selected === undefined || board.isReadOnly;
    byId("selected-edit").hidden = selected?.name !== "note";
  }

  /** @param {boolean} wanted */
  #show(wanted) {
    byId("tools").hidden = !wanted;
    byId("draw-button").setAttribute("aria-pressed", String(wanted));
  }

  /** @param {string} overlay */
  #choose(overlay) {
    if (this.board.tool === overlay) this.board.cancel();
    else this.board.draw(overlay);
  }

  async #removeAll() {
    const count = this.board.drawings.size;
    if (count === 0) return;
    const question = { title: `Delete ${count === 1 ? "the drawing" : `all ${count} drawings`}?`, yes: "Delete", isDangerous: true };
    if ((await ask({ ...question, detail: "Ctrl+Z brings them back until the page is left." })) !== null) this.board.removeAll();
  }

  /**
   * @param {string} picture
   * @param {string} title
   * @param {() => void} onclick
   */
  #button(picture, title, onclick) {
    return make("button", { type: "button", title, "aria-label": title, onclick }, icon(picture));
  }
}
