// The panes below the candles. Net and taker-buy volume are ours, the others the library's.

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
  { name: "VOL", title: "Volume", overlays: false, parameters: [] },
  { name: "NETVOL", title: "Net volume", overlays: false },
  { name: "TAKERBUY", title: "Taker-buy volume", overlays: false },
  { name: "MA", title: "Moving averages", overlays: true, parameters: [20, 50, 200] },
  { name: "EMA", title: "Exponential averages", overlays: true, parameters: [12, 26] },
  { name: "BOLL", title: "Bollinger bands", overlays: true },
  { name: "MACD", title: "MACD", overlays: false },
  { name: "RSI", title: "RSI", overlays: false },
];

export const FIRST_PANES = ["VOL", "NETVOL", "TAKERBUY"];

/** Make ours known to the library; once. */
export function registerIndicators() {
  klinecharts.registerIndicator({
    name: "NETVOL",
    shortName: "Net volume",
    series: "volume",
    shouldFormatBigNumber: true,
    figures: [
      {
        key: "net",
        title: "",
        type: "bar",
        baseValue: 0,
        styles: ({ data }) => ({ color: colours[(data.current?.net ?? 0) >= 0 ? "up" : "down"] }),
      },
    ],
    calc: column("net", "net_volume"),
  });
  klinecharts.registerIndicator({
    name: "TAKERBUY",
    shortName: "Taker buy",
    series: "volume",
    shouldFormatBigNumber: true,
    minValue: 0,
    figures: [
      {
        key: "buy",
        title: "",
        type: "bar",
        baseValue: 0,
        styles: ({ data }) => ({ color: colours[(data.current?.share ?? 0.5) >= 0.5 ? "up" : "down"] }),
      },
    ],
    calc: column("buy", "taker_buy_volume"),
  });
}

/** The colours of the theme, read once and not for each bar of each frame. */
const colours = { up: "", down: "" };

/** Read the theme's colours again. */
export function paintIndicators() {
  colours.up = colour("up-bar");
  colours.down = colour("down-bar");
}

/**
 * One column of the bars. From one frame to the next only the newest bar changes, so that only the end of the result is
 * made anew: a chart that was scrolled far back has many thousands of bars.
 * @param {string} key     of the result
 * @param {keyof Bar} source
 */
function column(key, source) {
  /** @param {any} bar */
  const value = (bar) => ({
    bar,
    [key]: bar[source],
    share: bar.volume > 0 ? bar.taker_buy_volume / bar.volume : 0.5,
  });
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
