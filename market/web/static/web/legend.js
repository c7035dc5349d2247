// The numbers of the bar under the crosshair, or of the newest one: as text of the page.

import { byId, make, say } from "./dom.js";
import { compact, priceText } from "./numbers.js";

/**
 * @typedef {import("./api.js").Bar} Bar
 * @typedef {import("./feed.js").Feed} Feed
 */

/** @type {readonly [key: string, title: string, name: string][]} */
const FIELDS = [
  ["open", "O", "open"],
  ["high", "H", "high"],
  ["low", "L", "low"],
  ["close", "C", "close"],
  ["change", "", "change of the bar"],
  ["volume", "V", "volume"],
  ["net", "NV", "net volume"],
  ["buy", "TBV", "taker-buy volume"],
];

export class Legend {
  /** @type {Record<string, HTMLElement>} */
  #values = {};
  #isDue = false;
  /** Where the crosshair is, in pixels from the left edge; null: nowhere. @type {number | null} */
  #x = null;

  /** @param {Feed} feed */
  constructor(feed) {
    this.feed = feed;
    const list = byId("legend-values");
    for (const [key, title, name] of FIELDS) {
      const value = make("dd", { "data-field": key });
      this.#values[key] = value;
      list.append(make("div", {}, make("dt", { title: name }, make("abbr", { title: name }, title)), value));
    }
    feed.chart.subscribeAction("onCrosshairChange", (crosshair) => {
      this.#x = /** @type {import("klinecharts").Crosshair | undefined} */ (crosshair)?.x ?? null;
      this.refresh();
    });
    // The library does not tell when the crosshair goes.
    byId("chart").addEventListener("pointerleave", () => {
      this.#x = null;
      this.refresh();
    });
  }

  /** The bar under the crosshair; where there is none, or no crosshair, the newest. @returns {Bar | undefined} */
  get #bar() {
    const { bars, chart } = this.feed;
    if (this.#x === null) return bars.at(-1);
    const [{ dataIndex = -1 }] = /** @type {Partial<import("klinecharts").Point>[]} */ (
      chart.convertFromPixel([{ x: this.#x }], { paneId: "candle_pane" })
    );
    return bars[dataIndex] ?? bars.at(-1);
  }

  /** Show what has changed, with the next frame. */
  refresh() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#show();
    });
  }

  #show() {
    const bar = this.#bar;
    byId("legend-values").hidden = bar === undefined;
    if (bar === undefined) return;
    const precision = this.feed.chart.getSymbol()?.pricePrecision ?? 2;
    const price = (/** @type {number} */ value) => priceText(value, precision);
    const change = bar.close - bar.open;
    const percent = bar.open > 0 ? (change / bar.open) * 100 : 0;
    const sign = change < 0 ? "−" : "+";
    /** @type {Record<string, string>} */
    const texts = {
      open: price(bar.open),
      high: price(bar.high),
      low: price(bar.low),
      close: price(bar.close),
      change: `${sign}${price(Math.abs(change))} (${sign}${Math.abs(percent).toFixed(2)} %)`,
      volume: compact(bar.volume),
      net: compact(bar.net_volume),
      buy: compact(bar.taker_buy_volume),
    };
    for (const [key, text] of Object.entries(texts)) say(this.#values[key], text);
    const direction = change < 0 ? "down" : "up";
    for (const key of ["open", "high", "low", "close", "change"]) this.#values[key].dataset.direction = direction;
    this.#values.net.dataset.direction = bar.net_volume < 0 ? "down" : "up";
  }
}
