// The chart itself: how it looks in each theme, and which panes it has.

import { now } from "./clock.js";
import { intervalOf, nextOpen } from "./intervals.js";
import { FIRST_PANES, PANES, paintIndicators, registerIndicators } from "./indicators.js";
import { recall, remember } from "./preferences.js";
import { colour, onTheme } from "./theme.js";

/** @typedef {import("klinecharts").Chart} Chart */

const FONT = "system-ui, sans-serif";
const CANDLES = "candle_pane";
const PANE_HEIGHT = 84;
const PANE_HEIGHT_LOW = 60;

/**
 * The chart in this element. It has neither symbol nor timeframe yet.
 * @param {HTMLElement} container
 * @returns {Chart}
 */
export function makeChart(container) {
  if (typeof klinecharts === "undefined") {
    throw new Error("the chart library is not installed on the server: run `npm ci` there (make does)");
  }
  registerIndicators();
  paintIndicators();
  const chart = klinecharts.init(container, {
    locale: "en-US",
    timezone: "Etc/UTC",
    styles: styles(),
    thousandsSeparator: { sign: "," },
    formatter: { formatExtendText: ({ data }) => countdown(chart, data.timestamp) },
    // Keys are the page's: the same ones work with and without the pointer over the chart.
    hotkey: { enabled: false },
  });
  if (chart === null) throw new Error("the chart cannot be drawn in this browser");
  // The library wants to be the first to get the keyboard; the element around it is the one that has a name.
  for (const part of container.querySelectorAll("[tabindex]")) part.setAttribute("tabindex", "-1");
  onTheme(() => {
    paintIndicators();
    chart.setStyles(styles());
  });
  new ResizeObserver(() => chart.resize()).observe(container);
  return chart;
}

/** Which panes are shown, and switching them. */
export class Panes {
  /** @param {Chart} chart */
  constructor(chart) {
    this.chart = chart;
    /** @type {string[]} */
    this.shown = recall("panes", FIRST_PANES).filter((name) => PANES.some((pane) => pane.name === name));
    for (const name of this.shown) this.#show(name);
  }

  /** @param {string} name */
  toggle(name) {
    if (this.shown.includes(name)) {
      this.shown = this.shown.filter((one) => one !== name);
      this.chart.removeIndicator({ name });
    } else {
      this.shown = [...this.shown, name];
      this.#show(name);
    }
    remember("panes", this.shown);
  }

  /** @param {string} name */
  #show(name) {
    const pane = PANES.find((one) => one.name === name);
    if (pane === undefined) return;
    const calcParams = pane.parameters && { calcParams: pane.parameters };
    if (pane.overlays) {
      this.chart.createIndicator({ name, paneId: CANDLES, ...calcParams }, true);
      return;
    }
    const paneId = `pane_${name}`;
    this.chart.createIndicator({ name, paneId, ...calcParams });
    const height = innerHeight < 900 ? PANE_HEIGHT_LOW : PANE_HEIGHT;
    this.chart.setPaneOptions({ id: paneId, height, minHeight: 40 });
  }
}

/**
 * How long the newest bar still lasts, by the server's clock: `04:59`, `3:04:59`, `2d 03h`.
 * @param {Chart | null} chart
 * @param {number} opened
 */
export function countdown(chart, opened) {
  const period = chart?.getPeriod();
  if (!period) return "";
  const left = Math.max(0, Math.ceil((nextOpen(intervalOf(period), opened) - now()) / 1_000));
  const days = Math.floor(left / 86_400);
  const hours = Math.floor(left / 3_600) % 24;
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  if (days > 0) return `${days}d ${two(hours)}h`;
  const clock = `${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
  return hours > 0 ? `${hours}:${clock}` : clock;
}

/** @returns {import("klinecharts").DeepPartial<import("klinecharts").Styles>} */
function styles() {
  const [up, down, quiet] = [colour("up"), colour("down"), colour("text-quiet")];
  const [line, faint, text, panel] = [colour("line"), colour("grid"), colour("text"), colour("raised")];
  const changing = { upColor: up, downColor: down, noChangeColor: quiet };
  const tag = { color: colour("tag-text"), family: FONT, size: 11, borderRadius: 2 };
  const axis = {
    axisLine: { color: line },
    tickLine: { show: false },
    tickText: { color: quiet, family: FONT, size: 11 },
  };
  const crosshair = {
    line: { color: quiet },
    text: { ...tag, backgroundColor: colour("tag"), borderColor: colour("tag") },
  };
  return {
    grid: { horizontal: { color: faint, style: "solid" }, vertical: { color: faint, style: "solid" } },
    candle: {
      bar: {
        ...changing,
        upBorderColor: up,
        downBorderColor: down,
        noChangeBorderColor: quiet,
        upWickColor: up,
        downWickColor: down,
        noChangeWickColor: quiet,
      },
      priceMark: {
        high: { color: quiet, textFamily: FONT },
        low: { color: quiet, textFamily: FONT },
        last: {
          ...changing,
          text: { ...tag, size: 12 },
          extendTexts: [
            {
              ...{ show: true, position: "below_price", updateInterval: 1_000, style: "fill" },
              ...{ paddingLeft: 4, paddingRight: 4, paddingTop: 2, paddingBottom: 3 },
              ...{ borderSize: 0, borderStyle: "solid", borderColor: "transparent", borderDashedValue: [2, 2] },
              ...{ ...tag, weight: "normal" },
            },
          ],
        },
      },
      // The legend is text of the page: it can be selected, read aloud, and fits on a telephone, where it has two
      // lines. What the averages say stands below it.
      tooltip: { showRule: "none", offsetTop: innerWidth < 760 ? 44 : 26 },
    },
    indicator: {
      bars: [{ ...changing, upColor: colour("up-bar"), downColor: colour("down-bar") }],
      lines: ["series-1", "series-2", "series-3", "series-4"].map((name) => ({ color: colour(name), size: 1 })),
      lastValueMark: { show: false },
      tooltip: {
        title: { color: quiet, family: FONT, size: 11 },
        legend: { color: text, family: FONT, size: 11 },
      },
    },
    xAxis: axis,
    yAxis: axis,
    separator: { color: line, activeBackgroundColor: colour("hover") },
    crosshair: { horizontal: crosshair, vertical: crosshair },
    overlay: {
      point: { color: panel, borderColor: colour("accent"), activeColor: panel, activeBorderColor: colour("accent") },
      line: { color: colour("accent"), size: 1.5 },
      text: { color: colour("tag-text"), backgroundColor: colour("accent"), family: FONT },
    },
  };
}
