// What stands in place of bars, or over them, when there are none or they cannot be had.

import { byId, make, say } from "./dom.js";
import { loginAddress } from "./session.js";

export class Veil {
  /** The countdown, which changes in its place: nobody wants to hear each second of it. */
  #wait = make("p", { class: "quiet", "aria-live": "off" });

  /** @param {import("./app.js").Page} page */
  constructor(page) {
    this.page = page;
    setInterval(() => this.page.feed.state.state === "failed" && this.refresh(), 500);
  }

  refresh() {
    const veil = byId("veil");
    say(this.#wait, waitText(this.page.feed.state));
    const content = this.#content();
    veil.hidden = content === null;
    veil.classList.toggle("over-bars", this.page.feed.bars.length > 0 && this.page.feed.state.state !== "unknown");
    const text = content?.map((part) => (part === this.#wait ? "" : part.outerHTML)).join("") ?? "";
    // Not the same again: a screen reader would read it again, and a button would vanish under a finger.
    if (veil.dataset.shown === text) return;
    veil.dataset.shown = text;
    veil.replaceChildren(...(content ?? []));
  }

  /** @returns {HTMLElement[] | null} */
  #content() {
    const { symbol, feed } = this.page;
    const { state, problem = "" } = feed.state;
    switch (state) {
      case "loading":
        return feed.bars.length > 0 ? null : [make("p", { class: "quiet late" }, "Loading …")];
      case "failed":
        return [
          make("p", {}, `Bars cannot be loaded: ${problem}.`),
          this.#wait,
          make("button", { type: "button", class: "bordered", onclick: () => feed.retry() }, "Try now"),
        ];
      case "unknown":
        return [
          make("p", { class: "title" }, `${symbol} is not known here`),
          make("p", { class: "quiet" }, "It was never tracked, or its name is mistyped."),
          ...this.#offer(`Track ${symbol}`),
        ];
      case "refused":
        return [
          make("p", { class: "title" }, "Log in to see the chart"),
          make("p", { class: "quiet" }, "This server shows its data only to those whom it knows."),
          make("a", { class: "button bordered", href: loginAddress() }, "Log in"),
        ];
      case "empty":
        return this.#waiting();
      case "ready":
        return this.#isTracked
          ? null
          : [make("p", {}, `${symbol} is not tracked: nothing new comes.`), ...this.#offer("Track it again")];
    }
  }

  /** @returns {HTMLElement[]} */
  #waiting() {
    const { symbol, status } = this.page;
    const progress = status?.history.find((/** @type {any} */ one) => one.symbol === symbol);
    if (progress === undefined) {
      return [make("p", { class: "title" }, `No candle of ${symbol} is stored`), ...this.#offer(`Track ${symbol}`)];
    }
    return [
      make("p", { class: "title" }, `History of ${symbol} is still loading, ${Math.floor(progress.percent)} %`),
      make("progress", { max: 100, value: progress.percent, "aria-label": "history loaded" }),
      make("p", { class: "quiet" }, "The chart appears with the first candles."),
    ];
  }

  get #isTracked() {
    const { status, symbol } = this.page;
    return status === null || status.active_symbols.includes(symbol);
  }

  /**
   * A button that tracks the symbol, for those who may.
   * @param {string} text
   */
  #offer(text) {
    const { data, symbol } = this.page;
    if (!data.mayWrite || this.#isTracked && this.page.status !== null) return [];
    return [make("button", { type: "button", class: "main", onclick: () => void data.track(symbol) }, text)];
  }
}

/** @param {import("./feed.js").FeedState} state */
function waitText({ retryAt }) {
  return retryAt === undefined ? "" : `Trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s`;
}
