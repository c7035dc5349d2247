// What is tracked and how much of its history is here; adding and removing symbols.

import { call, data } from "./api.js";
import { ask } from "./ask.js";
import { now } from "./clock.js";
import { byId, icon, make, say } from "./dom.js";
import { notice } from "./notices.js";

/** The states of a day in the ledger, the best first. */
const STATES = [
  { name: "archive", title: "from the archive, checked" },
  { name: "rest", title: "from REST" },
  { name: "live", title: "from the stream" },
  { name: "conflict", title: "sources differed" },
  { name: "empty", title: "no source has them" },
  { name: "partial", title: "in part (today among them)" },
  { name: "missing", title: "missing" },
];

/**
 * @typedef {import("./api.js").Progress} Progress
 * @typedef {Record<"item" | "share" | "days" | "numbers" | "remove", HTMLElement>} Row
 */

export class DataDialog {
  #dialog = /** @type {HTMLDialogElement} */ (byId("data"));
  /** @type {Progress[] | null} null until the server has told */
  #history = null;
  #problem = "";
  /** @type {Map<string, Row>} */
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

  /** The server does not tell. What it has told before stays. @param {string} problem */
  fail(problem) {
    this.#problem = problem;
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

  #show() {
    const history = this.#history ?? [];
    /** @type {Map<string, Row>} */
    const rows = new Map(history.map(({ symbol }) => [symbol, this.#rows.get(symbol) ?? this.#row(symbol)]));
    this.#rows = rows;
    for (const progress of history) this.#fill(/** @type {Row} */ (rows.get(progress.symbol)), progress);
    const items = [...rows.values()].map(({ item }) => item);
    if (items.length === 0) items.push(make("li", { class: "quiet" }, this.#emptyText));
    const list = byId("data-list");
    const focused = list.contains(document.activeElement) ? document.activeElement?.id : null;
    if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) {
      list.replaceChildren(...items);
    }
    if (focused) document.getElementById(focused)?.focus();
  }

  get #emptyText() {
    if (this.#history !== null) return "Nothing is tracked yet.";
    return this.#problem === "" ? "Loading …" : `What is tracked is not known: ${this.#problem}.`;
  }

  /**
   * Made once and filled again and again: a button must not vanish under a finger.
   * @param {string} symbol
   * @returns {Row}
   */
  #row(symbol) {
    const choose = () => {
      this.#dialog.close();
      this.choose(symbol);
    };
    const [share, numbers] = [make("span", { class: "number" }), make("p", { class: "quiet number" })];
    const [days, remove] = [make("div", { class: "days", role: "img" }), this.#removeButton(symbol)];
    const item = make(
      "li",
      {},
      make("div", { class: "head" },
        make("button", { type: "button", class: "name", id: `data-show-${symbol}`, onclick: choose, title: "Show the chart" }, symbol),
        share,
        make("span", { class: "spring" }),
        make("a", { class: "button bordered", href: `/data?symbol=${encodeURIComponent(symbol)}`, id: `data-days-${symbol}` }, "Days"),
        remove),
      days,
      numbers,
    );
    return { item, share, days, numbers, remove };
  }

  /**
   * @param {Row} row
   * @param {Progress} progress
   */
  #fill(row, progress) {
    const { percent, days_done: done, days_wanted: wanted, rows, first_day: first } = progress;
    const numbers = [
      `${done.toLocaleString("en")} of ${wanted.toLocaleString("en")} days${first ? ` since ${first}` : ""}`,
      `${rows.toLocaleString("en")} minutes`,
      ...daysByState(progress).map(({ count, title }) => `${count} ${title}`),
    ];
    say(row.share, `${percent} %`);
    say(row.numbers, numbers.join(" · "));
    row.remove.hidden = !this.mayWrite;
    fillBar(row.days, progress);
  }

  /** @param {string} symbol */
  #removeButton(symbol) {
    const onclick = () => void this.#remove(symbol);
    const attributes = { type: "button", class: "danger", id: `data-remove-${symbol}`, title: "Stop tracking", onclick };
    return make("button", { ...attributes, "aria-label": `Stop tracking ${symbol}` }, icon("trash"));
  }
}

/** @param {Progress} progress */
function daysByState({ states }) {
  return STATES.flatMap(({ name, title }) => (states[name] > 0 ? [{ name, title, count: states[name] }] : []));
}

/**
 * The days as a bar, each state as long as its part of them.
 * @param {HTMLElement} bar
 * @param {Progress} progress
 */
function fillBar(bar, progress) {
  const days = daysByState(progress);
  const today = new Date(now()).toISOString().slice(0, 10);
  const wanted = progress.days_wanted + (progress.last_day === today ? 1 : 0);
  const left = wanted - days.reduce((sum, { count }) => sum + count, 0);
  const parts = left > 0 ? [...days, { name: "missing", title: "not looked at yet", count: left }] : days;
  bar.setAttribute("aria-label", `${progress.days_done} of ${progress.days_wanted} days are complete`);
  bar.replaceChildren(...parts.map(({ name, title, count }) => {
    const part = make("span", { "data-day": name, title: `${count} ${title}` });
    part.style.flexGrow = String(count);
    return part;
  }));
}
