// Which canvas is open for the symbol, how saving it goes, and the dialog with the others.

import { ApiError, call, json } from "./api.js";
import { ask } from "./ask.js";
import { CanvasFile } from "./canvasfile.js";
import { byId, icon, make, say } from "./dom.js";
import { toCanvas } from "./merge.js";
import { notice } from "./notices.js";
import { recall, remember } from "./preferences.js";

/** What is drawn without ever naming anything. */
const FIRST = "main";

export class Canvases {
  /** @type {CanvasFile | null} */
  #file = null;
  #dialog = /** @type {HTMLDialogElement} */ (byId("canvases"));
  /** Whether there is anything to draw on: nobody is asked for drawings that he may not read. */
  isAllowed = true;

  /** @param {import("./drawings.js").DrawingBoard} board */
  constructor(board) {
    this.board = board;
    byId("canvas-button").addEventListener("click", () => this.#openDialog());
    byId("save-retry").addEventListener("click", () => void this.#file?.flush());
    byId("canvases-close").addEventListener("click", () => this.#dialog.close());
    byId("canvases-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#saveAs();
    });
    addEventListener("pagehide", () => void this.#file?.flush());
    addEventListener("online", () => void this.#file?.flush());
    document.addEventListener("visibilitychange", () => {
      void (document.hidden ? this.#file?.flush() : this.reread());
    });
    setInterval(() => this.#file?.state.state === "failed" && this.refresh(), 500);
  }

  /** Put away the drawings of the symbol so far and show those of this one. @param {string} symbol */
  open(symbol) {
    // It lists those of the other symbol.
    this.#dialog.close();
    this.#switch(symbol, recall(`canvas.${symbol}`, FIRST));
  }

  /** The board has changed. */
  changed() {
    this.#file?.change(this.board.drawings);
  }

  /** Look whether somebody else has changed the canvas. */
  async reread() {
    await this.#file?.refresh();
  }

  /** Say how saving goes. */
  refresh() {
    const state = this.#file?.state ?? { state: "saved" };
    const [mood, text, wait = ""] = describe(state);
    // On a telephone the words beside the name are out of sight.
    if (mood === "bad" && byId("save-state").dataset.mood !== mood) notice(`Drawings: ${text}.`);
    say(byId("save-state"), text);
    // Beside what a screen reader tells of: nobody wants to hear each second.
    say(byId("save-wait"), wait);
    byId("save-state").dataset.mood = mood;
    byId("save-retry").hidden = state.state !== "failed";
    say(byId("canvas-name"), this.#file?.name ?? "");
  }

  /**
   * @param {string} symbol
   * @param {string} name
   */
  #switch(symbol, name) {
    // Its save goes on, and what does not arrive is kept in this browser.
    void this.#file?.leave();
    this.#file = null;
    this.board.cancel();
    this.board.load(new Map());
    if (!this.isAllowed) return;
    remember(`canvas.${symbol}`, name === FIRST ? null : name);
    const file = new CanvasFile(symbol, name, {
      onState: () => this.refresh(),
      onDrawings: (drawings) => this.board.load(drawings),
    });
    this.#file = file;
    this.refresh();
    void file.open();
  }

  #openDialog() {
    if (this.#file === null) return;
    say(byId("canvases-title"), `Drawings of ${this.#file.symbol}`);
    /** @type {HTMLInputElement} */ (byId("canvases-name")).value = "";
    say(byId("canvases-problem"), "");
    this.#dialog.showModal();
    void this.#list();
  }

  async #list() {
    const file = this.#file;
    if (file === null) return;
    const list = byId("canvases-list");
    let items;
    try {
      ({ items } = await json("/canvas/list", { query: { symbol: file.symbol } }));
    } catch (error) {
      list.replaceChildren();
      this.#tell(error);
      return;
    }
    if (file !== this.#file) return;
    if (!items.some((/** @type {any} */ item) => item.name === file.name)) {
      items.unshift({ name: file.name, title: file.name, updated_at: null });
    }
    list.replaceChildren(...items.map((/** @type {any} */ item) => this.#item(file, item)));
  }

  /**
   * @param {CanvasFile} file
   * @param {{ name: string, title: string, updated_at: number | null }} item
   */
  #item(file, { name, title, updated_at: updatedAt }) {
    const isOpen = name === file.name;
    const when = updatedAt === null ? "not saved yet" : new Date(updatedAt).toLocaleString();
    const load = () => {
      this.#dialog.close();
      if (!isOpen) this.#switch(file.symbol, name);
    };
    return make(
      "li",
      {},
      make("button", { type: "button", class: "row", "aria-current": String(isOpen), onclick: load },
        make("span", { class: "name" }, title || name), make("span", { class: "quiet" }, isOpen ? `open · ${when}` : when)),
      make("button", { type: "button", class: "danger", "aria-label": `Delete ${name}`, title: "Delete", disabled: updatedAt === null,
        onclick: () => void this.#remove(file, name) }, icon("trash")),
    );
  }

  async #saveAs() {
    const file = this.#file;
    const name = /** @type {HTMLInputElement} */ (byId("canvases-name")).value.trim();
    if (file === null || name === "") return;
    try {
      await call("/canvas/save", {
        method: "POST",
        headers: { "Content-Type": "application/json", "If-None-Match": "*" },
        body: JSON.stringify({ symbol: file.symbol, name, data: toCanvas(this.board.drawings) }),
      });
    } catch (error) {
      const isTaken = error instanceof ApiError && error.status === 412;
      this.#tell(isTaken ? new Error(`There is a canvas called “${name}” already: open it, or choose another name.`) : error);
      return;
    }
    if (file !== this.#file) {
      // Another symbol, or another canvas, is shown by now.
      notice(`Saved as “${name}”, among the drawings of ${file.symbol}.`, { bad: false });
      return;
    }
    this.#dialog.close();
    this.#switch(file.symbol, name);
    notice(`Saved as “${name}”. What is drawn now belongs to it.`, { bad: false });
  }

  /**
   * @param {CanvasFile} file
   * @param {string} name
   */
  async #remove(file, name) {
    const detail = "It is deleted with all its earlier versions, for everybody who uses it.";
    if ((await ask({ title: `Delete the canvas “${name}”?`, detail, yes: "Delete", isDangerous: true })) === null) return;
    try {
      await call("/canvas/delete", { method: "DELETE", query: { symbol: file.symbol, name } });
    } catch (error) {
      this.#tell(error);
      return;
    }
    if (name === file.name) file.forget();
    if (file !== this.#file) return;
    if (name === file.name) {
      this.#file = null;
      this.#switch(file.symbol, FIRST);
    }
    void this.#list();
  }

  /** @param {unknown} error */
  #tell(error) {
    say(byId("canvases-problem"), error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {import("./canvasfile.js").SaveState} state
 * @returns {[mood: "good" | "busy" | "bad", text: string, wait?: string]}
 */
function describe({ state, problem = "", retryAt = 0 }) {
  switch (state) {
    case "loading":
      return ["busy", "loading drawings …"];
    case "saved":
      return ["good", "saved ✓"];
    case "unsaved":
    case "saving":
      return ["busy", "saving …"];
    case "failed":
      return ["bad", `not saved: ${problem}`, `; again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s`];
    case "refused":
      return ["bad", `not saved: ${problem}`];
    case "foreign":
      return ["bad", problem];
  }
}
