// What is tracked and how much of its history is here; adding and removing symbols.

import { call, data } from "./api.js";
import { ask } from "./ask.js";
import { byId, icon, make, say } from "./dom.js";
import { notice } from "./notices.js";

/** The states of a day in the ledger, the best first. */
const STATES = [
  { name: "archive", title: "from the archive, checked" },
  { name: "rest", title: "from REST" },
  { name: "live", title: "from the stream" },
  { name: "conflict", title: "sources differed" },
  { name: "empty", title: "no source has them" },
  { name: "partial", title: "in part" },
  { name: "missing", title: "missing" },
];

/**
 * @typedef {object} Progress  of a symbol, as /api/status tells it
 * @property {string} symbol
 * @property {number} percent
 * @property {number} days_wanted
 * @property {number} days_done
 * @property {number} rows
 * @property {Record<string, number>} states
 * @property {string | null} first_day
 * @property {string | null} last_day
 */

export class DataDialog {
  #dialog = /** @type {HTMLDialogElement} */ (byId("data"));
  /** @type {Progress[]} */
  #history = [];
  /** @type {Map<string, { text: string, row: HTMLElement }>} */
  #rows = new Map();
  mayWrite = true;

  /** @param {{ choose: (symbol: string) => void, refresh: () => Promise<void> }} actions  `refresh` reads the status */
  constructor({ choose, refresh }) {
    this.choose = choose;
    this.refreshStatus = refresh;
    byId("history").addEventListener("click", () => this.open());
    byId("data-button").addEventListener("click", () => this.open());
    byId("data-close").addEventListener("click", () => this.#dialog.close());
    byId("data-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#add();
    });
  }

  open() {
    if (this.#dialog.open) return;
    say(byId("data-problem"), "");
    byId("data-form").hidden = !this.mayWrite;
    this.#dialog.showModal();
    this.#show();
  }

  /** @param {Progress[]} history */
  update(history) {
    this.#history = history;
    if (this.#dialog.open) this.#show();
  }

  /**
   * Track a symbol and show it; whether that went well.
   * @param {string} symbol
   * @param {(problem: string) => void} [complain]
   */
  async track(symbol, complain = notice) {
    try {
      const tracked = await data("/api/symbols", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ symbol }),
      });
      await this.refreshStatus();
      this.choose(tracked.symbol);
      return true;
    } catch (error) {
      complain(`${symbol} cannot be tracked: ${error instanceof Error ? error.message : error}`);
      return false;
    }
  }

  async #add() {
    const input = /** @type {HTMLInputElement} */ (byId("data-symbol"));
    const symbol = input.value.trim().toUpperCase();
    if (symbol === "") return;
    say(byId("data-problem"), "");
    if (await this.track(symbol, (problem) => say(byId("data-problem"), problem))) input.value = "";
  }

  /** @param {string} symbol */
  async #remove(symbol) {
    const detail = "What is stored stays, and can still be looked at. Nothing new comes.";
    if ((await ask({ title: `Stop tracking ${symbol}?`, detail, yes: "Stop tracking", isDangerous: true })) === null) return;
    try {
      await call(`/api/symbols/${encodeURIComponent(symbol)}`, { method: "DELETE" });
      await this.refreshStatus();
    } catch (error) {
      say(byId("data-problem"), error instanceof Error ? error.message : String(error));
    }
  }

  /** A row is made anew only where it says something else: a button must not vanish under a finger. */
  #show() {
    const rows = this.#history.map((progress) => {
      const text = JSON.stringify([progress, this.mayWrite]);
      const shown = this.#rows.get(progress.symbol);
      if (shown?.text === text) return shown.row;
      const row = this.#row(progress);
      this.#rows.set(progress.symbol, { text, row });
      return row;
    });
    if (rows.length === 0) rows.push(make("li", { class: "quiet" }, "Nothing is tracked yet."));
    const list = byId("data-list");
    const focused = list.contains(document.activeElement) ? document.activeElement?.id : null;
    if (rows.length !== list.children.length || rows.some((row, index) => list.children[index] !== row)) {
      list.replaceChildren(...rows);
    }
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {Progress} progress */
  #row({ symbol, percent, days_wanted: wanted, days_done: done, rows, states, first_day: first }) {
    const days = STATES.filter(({ name }) => (states[name] ?? 0) > 0);
    const bar = make("div", { class: "days", role: "img", "aria-label": `${done} of ${wanted} days` });
    for (const { name, title } of days) {
      const part = make("span", { "data-day": name, title: `${states[name]} days ${title}` });
      part.style.flexGrow = String(states[name]);
      bar.append(part);
    }
    const known = days.reduce((sum, { name }) => sum + states[name], 0);
    if (wanted > known) {
      const rest = make("span", { "data-day": "missing", title: `${wanted - known} days not looked at yet` });
      rest.style.flexGrow = String(wanted - known);
      bar.append(rest);
    }
    const choose = () => {
      this.#dialog.close();
      this.choose(symbol);
    };
    return make(
      "li",
      {},
      make("div", { class: "head" },
        make("button", { type: "button", class: "name", id: `data-show-${symbol}`, onclick: choose, title: "Show the chart" }, symbol),
        make("span", { class: "number" }, `${percent.toFixed(percent < 100 ? 1 : 0)} %`),
        make("span", { class: "spring" }),
        make("a", { class: "button bordered", href: `/data?symbol=${encodeURIComponent(symbol)}`, id: `data-days-${symbol}` }, "Days"),
        this.mayWrite
          ? make("button", { type: "button", class: "danger", id: `data-remove-${symbol}`, "aria-label": `Stop tracking ${symbol}`,
            title: "Stop tracking", onclick: () => void this.#remove(symbol) }, icon("trash"))
          : null),
      bar,
      make("p", { class: "quiet number" },
        `${done.toLocaleString("en")} of ${wanted.toLocaleString("en")} days`,
        first === null ? "" : ` since ${first}`,
        ` · ${rows.toLocaleString("en")} minutes`,
        days.length > 0 ? ` · ${days.map(({ name, title }) => `${states[name]} ${title}`).join(", ")}` : ""),
    );
  }
}
