// What stands in place of bars, or over them, when there are none or they cannot be had.

import { byId, make } from "./dom.js";

/**
 * What the veil looks at.
 * @typedef {object} Shown
 * @property {string} symbol
 * @property {import("./feed.js").Feed} feed
 * @property {any} status
 */

export class Veil {
  /** @param {Shown} shown */
  constructor(shown) {
    this.shown = shown;
    setInterval(() => this.shown.feed.state.state === "failed" && this.refresh(), 500);
  }

  refresh() {
    const veil = byId("veil");
    const content = this.#content();
    const hasBars = this.shown.feed.bars.length > 0;
    veil.hidden = content === null;
    veil.classList.toggle("over-bars", hasBars);
    const text = content?.map((part) => part.outerHTML).join("") ?? "";
    // Not the same again: a screen reader would read it again.
    if (veil.dataset.shown === text) return;
    veil.dataset.shown = text;
    veil.replaceChildren(...(content ?? []));
  }

  /** @returns {HTMLElement[] | null} */
  #content() {
    const { symbol, feed, status } = this.shown;
    const { state, problem = "", retryAt = 0 } = feed.state;
    const progress = status?.history.find((/** @type {any} */ one) => one.symbol === symbol);
    switch (state) {
      case "loading":
        return feed.bars.length > 0 ? null : [make("p", { class: "quiet" }, "Loading …")];
      case "failed":
        return [
          make("p", {}, `Bars cannot be loaded: ${problem}.`),
          make("p", { class: "quiet" }, `Trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))} s`),
          make("button", { type: "button", class: "bordered", onclick: () => feed.retry() }, "Try now"),
        ];
      case "unknown":
        return [
          make("p", { class: "title" }, `${symbol} is not known here`),
          make("p", { class: "quiet" }, "It was never tracked, or its name is mistyped."),
        ];
      case "empty":
        if (progress === undefined) return [make("p", { class: "title" }, `No candle of ${symbol} is stored`)];
        return [
          make("p", { class: "title" }, `History of ${symbol} is still loading, ${Math.floor(progress.percent)} %`),
          make("progress", { max: 100, value: progress.percent, "aria-label": "history loaded" }),
          make("p", { class: "quiet" }, "The chart appears with the first candles."),
        ];
      case "ready":
        return null;
    }
  }
}
