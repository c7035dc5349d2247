// Choosing a symbol by typing: a list that narrows down, arrows to move, Enter to choose.

import { byId, make, say } from "./dom.js";
import { changeText, looseText } from "./numbers.js";

/** More are not drawn: one goes on typing. */
const MOST_SHOWN = 60;
const NAME = /^[\p{L}\p{N}_-]{2,64}$/u;

export class Search {
  #dialog = /** @type {HTMLDialogElement} */ (byId("search"));
  #input = /** @type {HTMLInputElement} */ (byId("search-text"));
  #list = byId("search-list");
  /** @type {string[]} */
  #found = [];
  #chosen = 0;

  /**
   * @param {import("./watch.js").Watch} watch
   * @param {{ choose: (symbol: string) => void, add: ((symbol: string) => void) | null }} actions
   */
  constructor(watch, { choose, add }) {
    this.watch = watch;
    this.choose = choose;
    this.add = add;
    byId("symbol").addEventListener("click", () => this.open());
    byId("search-close").addEventListener("click", () => this.#dialog.close());
    this.#input.addEventListener("input", () => {
      this.#chosen = 0;
      this.#show();
    });
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
    watch.onChange((changed, isOtherList) => {
      if (!this.#dialog.open) return;
      if (isOtherList) this.#show();
      else this.#quote(changed);
    });
  }

  /** @param {string} [text]  what is typed already */
  open(text = "") {
    if (this.#dialog.open) return;
    this.#input.value = text;
    this.#chosen = 0;
    this.#dialog.showModal();
    this.#input.focus();
    this.#show();
  }

  get #query() {
    return this.#input.value.trim().toUpperCase();
  }

  #show() {
    const query = this.#query;
    this.#found = matching(this.watch.symbols, query).slice(0, MOST_SHOWN);
    const items = this.#found.map((symbol, index) => this.#item(symbol, query, index));
    if (this.add !== null && NAME.test(query) && !this.watch.symbols.includes(query)) {
      this.#found.push(query);
      items.push(this.#option(items.length, make("span", { class: "wide" }, `Track ${query} from now on …`)));
    }
    this.#chosen = Math.min(this.#chosen, Math.max(0, items.length - 1));
    this.#list.replaceChildren(...items);
    this.#quote(new Set(this.watch.symbols));
    this.#mark();
    say(byId("search-hint"), items.length > 0 ? "↑ ↓ to move, Enter to choose, Esc to leave" : "No tracked symbol is called that.");
  }

  /**
   * @param {string} symbol
   * @param {string} query
   * @param {number} index
   */
  #item(symbol, query, index) {
    const at = symbol.indexOf(query);
    const name = at < 0 || query === ""
      ? [symbol]
      : [symbol.slice(0, at), make("mark", {}, query), symbol.slice(at + query.length)];
    return this.#option(
      index,
      make("span", { class: "name" }, ...name),
      make("span", { class: "number" }),
      make("span", { class: "change number" }),
    );
  }

  /** The prices of these, in their places: an entry that is made anew would not be clicked. @param {ReadonlySet<string>} symbols */
  #quote(symbols) {
    this.#found.forEach((symbol, index) => {
      const quote = this.watch.quotes.get(symbol);
      if (quote === undefined || !symbols.has(symbol)) return;
      const [, price, change] = /** @type {HTMLElement[]} */ ([...this.#list.children[index].children]);
      say(price, looseText(quote.price));
      say(change, changeText(this.watch.change(symbol)));
      change.dataset.direction = (this.watch.change(symbol) ?? 0) < 0 ? "down" : "up";
    });
  }

  /**
   * @param {number} index
   * @param {...HTMLElement} parts
   */
  #option(index, ...parts) {
    return make(
      "li",
      { role: "option", id: `search-${index}`, onclick: () => this.#take(index) },
      ...parts,
    );
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step !== undefined) {
      this.#chosen = Math.max(0, Math.min(this.#found.length - 1, this.#chosen + step));
      this.#mark();
    } else if (event.key === "Enter") this.#take(this.#chosen);
    else return;
    event.preventDefault();
  }

  #mark() {
    [...this.#list.children].forEach((item, index) => {
      item.setAttribute("aria-selected", String(index === this.#chosen));
      if (index === this.#chosen) item.scrollIntoView({ block: "nearest" });
    });
    if (this.#list.children.length > 0) this.#input.setAttribute("aria-activedescendant", `search-${this.#chosen}`);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  #take(index) {
    const symbol = this.#found[index];
    if (symbol === undefined) return;
    this.#dialog.close();
    if (this.watch.symbols.includes(symbol)) this.choose(symbol);
    else this.add?.(symbol);
  }
}

/**
 * The symbols in which the text is found: those that begin with it first.
 * @param {readonly string[]} symbols
 * @param {string} query
 */
function matching(symbols, query) {
  const found = symbols.filter((symbol) => symbol.includes(query));
  return [...found.filter((symbol) => symbol.startsWith(query)), ...found.filter((symbol) => !symbol.startsWith(query))];
}
