// The watch list beside the chart, and the price in the bar above it.

import { byId, make, say } from "./dom.js";
import { recall, remember } from "./preferences.js";
import { changeText, looseText } from "./numbers.js";

/** Below this width the list would lie over the chart: it opens only when it is asked for. */
const WIDE = matchMedia("(width >= 1080px)");

export class WatchList {
  /** @type {Map<string, { row: HTMLElement, price: HTMLElement, change: HTMLElement }>} */
  #rows = new Map();
  #shown = "";

  /**
   * @param {import("./watch.js").Watch} watch
   * @param {(symbol: string) => void} choose
   */
  constructor(watch, choose) {
    this.watch = watch;
    this.choose = choose;
    watch.onChange((changed, isOtherList) => {
      if (isOtherList) this.#build();
      // The shown one, too: it may be one that is not tracked any more.
      for (const symbol of isOtherList ? [...watch.symbols, this.#shown] : changed) this.#refresh(symbol);
    });
    byId("watch-button").addEventListener("click", () => this.toggle());
    this.#show(WIDE.matches && recall("watch", true));
  }

  toggle() {
    const wanted = byId("watch").hidden;
    this.#show(wanted);
    if (WIDE.matches) remember("watch", wanted);
  }

  /** Mark the symbol of the chart. @param {string} symbol */
  mark(symbol) {
    this.#shown = symbol;
    for (const [name, { row }] of this.#rows) row.setAttribute("aria-current", String(name === symbol));
    this.#refresh(symbol);
  }

  /** @param {boolean} wanted */
  #show(wanted) {
    byId("watch").hidden = !wanted;
    byId("watch-button").setAttribute("aria-pressed", String(wanted));
  }

  #build() {
    this.#rows.clear();
    const items = this.watch.symbols.map((symbol) => {
      const price = make("span", { class: "price number" });
      const change = make("span", { class: "change number" });
      const row = make(
        "button",
        { type: "button", "aria-current": String(symbol === this.#shown), onclick: () => this.#chosen(symbol) },
        make("span", { class: "name" }, symbol),
        price,
        make("span", {}),
        change,
      );
      this.#rows.set(symbol, { row, price, change });
      return make("li", {}, row);
    });
    byId("watch-list").replaceChildren(...items);
  }

  /** @param {string} symbol */
  #chosen(symbol) {
    if (!WIDE.matches) this.#show(false);
    this.choose(symbol);
  }

  /** @param {string} symbol */
  #refresh(symbol) {
    const quote = this.watch.quotes.get(symbol);
    const change = this.watch.change(symbol);
    const direction = (change ?? 0) < 0 ? "down" : "up";
    const row = this.#rows.get(symbol);
    if (row !== undefined && quote !== undefined) {
      say(row.price, looseText(quote.price));
      say(row.change, changeText(change));
      row.change.dataset.direction = direction;
    }
    if (symbol === this.#shown) {
      say(byId("day-change"), changeText(change));
      byId("day-change").dataset.direction = direction;
    }
  }
}
