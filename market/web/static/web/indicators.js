// The panes below the candles. The volumes are ours, the others the library's.

import { compact } from "./numbers.js";
import { colour } from "./theme.js";

/**
 * @typedef {import("./api.js").Bar} Bar
 * @typedef {object} Pane
 * @property {string} name    of the indicator
 * @property {string} title   for people
 * @property {boolean} overlays  it lies over the candles and has no pane of its own
 * @property {number[]} [parameters]
 */

/** @type {readonly Pane[]} */
export const PANES = [
  { name: "VOLUME", title: "Volume", overlays: false },
  { name: "NETVOL", title: "Net volume", overlays: false },
  { name: "TAKERBUY", title: "Taker-buy volume", overlays: false },
  { name: "MA", title: "Moving averages", overlays: true, parameters: [20, 50, 200] },
  { name: "EMA", title: "Exponential averages", overlays: true, parameters: [12, 26] },
  { name: "BOLL", title: "Bollinger bands", overlays: true },
  { name: "MACD", title: "MACD", overlays: false },
  { name: "RSI", title: "RSI", overlays: false },
];

export const FIRST_PANES = ["VOLUME", "NETVOL", "TAKERBUY"];

/** Make ours known to the library; once. */
export function registerIndicators() {
  klinecharts.registerIndicator(volumes("VOLUME", "Volume", "volume", (bar) => bar.close >= bar.open));
  klinecharts.registerIndicator(volumes("NETVOL", "Net volume", "net_volume", (bar) => bar.net_volume >= 0));
  klinecharts.registerIndicator(
    volumes("TAKERBUY", "Taker-buy volume", "taker_buy_volume", (bar) => 2 * bar.taker_buy_volume >= bar.volume),
  );
}

/**
 * One of the volumes as bars, green where `isUp`.
 * @param {string} name
 * @param {string} title
 * @param {keyof Bar} source
 * @param {(bar: Bar) => boolean} isUp
 * @returns {import("klinecharts").IndicatorTemplate<any>}
 */
function volumes(name, title, source, isUp) {
  return {
    name,
    shortName: title,
    series: "volume",
    shouldFormatBigNumber: true,
    figures: [
      {
        key: "value",
        type: "bar",
        baseValue: 0,
        // To the right of the newest bar there is none.
        styles: ({ data }) => ({ color: !data.current || isUp(data.current.bar) ? colours.up : colours.down }),
      },
    ],
    calc: column(source),
    // In the colours of a text: those of the bars are too faint for one.
    createTooltipDataSource: ({ indicator, crosshair }) => {
      const shown = indicator.result[crosshair.dataIndex ?? -1] ?? indicator.result.at(-1);
      const text = shown === undefined ? "" : compact(shown.value);
      const ink = shown === undefined || isUp(shown.bar) ? colours.upText : colours.downText;
      const legends = [{ title: { text: "", color: ink }, value: { text, color: ink } }];
      return { name: title, calcParamsText: "", features: [], legends };
    },
  };
}

/** The colours of the theme, read once and not for each bar of each frame. */
const colours = { up: "", down: "", upText: "", downText: "" };

/** Read the theme's colours again. */
export function paintIndicators() {
  colours.up = colour("up-bar");
  colours.down = colour("down-bar");
  colours.upText = colour("up-text");
  colours.downText = colour("down-text");
}

/**
 * One column of the bars. From one frame to the next only the newest bar changes, so that only the end of the result is
 * made anew: a chart that was scrolled far back has many thousands of bars.
 * @param {keyof Bar} source
 */
function column(source) {
  /** @param {any} bar */
  const value = (bar) => ({ bar, value: bar[source] });
  return (/** @type {any[]} */ list, /** @type {import("klinecharts").Indicator<any>} */ { result }) => {
    const grown = list.length - result.length;
    const settled = result.length - 2;
    // The very same bars, not equal ones: another symbol has bars at the same times.
    const isSame = settled >= 0 && (grown === 0 || grown === 1)
      && result[0].bar === list[0] && result[settled].bar === list[settled];
    if (!isSame) return list.map(value);
    for (let i = settled + 1; i < list.length; i++) result[i] = value(list[i]);
    return result;
  };
}
