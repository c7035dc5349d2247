// The tracked symbols with their prices and how far they are from the day's open, live.

import { json } from "./api.js";

const QUOTES_AT_ONCE = 50;
/** Nobody reads numbers that change faster. */
const TELL_EVERY_MS = 150;

/**
 * @typedef {object} Quote
 * @property {number} price
 * @property {number} open   at 00:00 UTC
 * @property {number} volume of the day
 * @property {number} at     open time of the day; 0 where only a quote was read
 */

/** Quotes of the tracked symbols; those who listen are told of changes a few times a second. */
export class Watch {
  /** @type {string[]} */
  symbols = [];
  /** @type {Map<string, Quote>} */
  quotes = new Map();
  /** @type {Map<string, () => void>} */
  #subscriptions = new Map();
  /** @type {Set<string>} */
  #changed = new Set();
  /** @type {Set<(changed: ReadonlySet<string>, isOtherList: boolean) => void>} */
  #listeners = new Set();
  #isOtherList = false;
  #isDue = false;

  /** @param {import("./socket.js").PushSocket} socket */
  constructor(socket) {
    this.socket = socket;
  }

  /** @param {(changed: ReadonlySet<string>, isOtherList: boolean) => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /**
   * The symbols that are tracked now.
   * @param {readonly string[]} symbols
   */
  track(symbols) {
    const wanted = new Set(symbols);
    for (const [symbol, end] of this.#subscriptions) {
      if (wanted.has(symbol)) continue;
      end();
      this.#subscriptions.delete(symbol);
      this.quotes.delete(symbol);
    }
    const added = symbols.filter((symbol) => !this.#subscriptions.has(symbol));
    if (added.length === 0 && symbols.length === this.symbols.length) return;
    this.symbols = [...symbols];
    for (const symbol of added) {
      const onBar = (/** @type {import("./socket.js").Frame} */ bar) => this.#hear(bar);
      this.#subscriptions.set(symbol, this.socket.subscribe({ symbol, interval: "1d", onBar }));
    }
    this.#isOtherList = true;
    this.#tell();
    void this.#read(added);
  }

  /**
   * How far a symbol is from the day's open, in percent; null where that is not known.
   * @param {string} symbol
   */
  change(symbol) {
    const quote = this.quotes.get(symbol);
    return quote && quote.open > 0 ? (quote.price / quote.open - 1) * 100 : null;
  }

  /** @param {import("./socket.js").Frame} bar */
  #hear(bar) {
    const known = this.quotes.get(bar.symbol);
    if (known !== undefined && known.at > bar.timestamp) return;
    this.quotes.set(bar.symbol, { price: bar.close, open: bar.open, volume: bar.volume, at: bar.timestamp });
    this.#changed.add(bar.symbol);
    this.#tell();
  }

  /** Prices to begin with: a quiet symbol may say nothing for a while. @param {string[]} symbols */
  async #read(symbols) {
    for (let i = 0; i < symbols.length; i += QUOTES_AT_ONCE) {
      let answer;
      try {
        answer = await json("/quotes", { query: { symbols: symbols.slice(i, i + QUOTES_AT_ONCE).join(",") } });
      } catch {
        // The socket brings them, one by one.
        return;
      }
      for (const { n: symbol, s: state, v: values } of answer.d ?? []) {
        if (state !== "ok" || this.quotes.has(symbol) || !this.#subscriptions.has(symbol)) continue;
        const { lp: price, open_price: open, volume } = values;
        this.quotes.set(symbol, { price, open, volume, at: 0 });
        this.#changed.add(symbol);
      }
      this.#tell();
    }
  }

  #tell() {
    if (this.#isDue) return;
    this.#isDue = true;
    const wait = this.#isOtherList ? 0 : TELL_EVERY_MS;
    setTimeout(() => requestAnimationFrame(() => {
      this.#isDue = false;
      const [changed, isOtherList] = [this.#changed, this.#isOtherList];
      this.#changed = new Set();
      this.#isOtherList = false;
      for (const listener of this.#listeners) listener(changed, isOtherList);
    }), wait);
  }
}
