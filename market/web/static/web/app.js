// The chart page: makes the parts, and says what happens when a symbol or a timeframe is chosen.

import { json, status } from "./api.js";
import { makeChart, Panes } from "./chart.js";
import { byId, make, say } from "./dom.js";
import { Feed } from "./feed.js";
import { INTERVALS, intervalNamed } from "./intervals.js";
import { Legend, priceText } from "./legend.js";
import { notice } from "./notices.js";
import { recall, remember } from "./preferences.js";
import { Search } from "./search.js";
import { PushSocket } from "./socket.js";
import { StatusLine } from "./statusline.js";
import { colour, toggleTheme } from "./theme.js";
import { Veil } from "./veil.js";
import { PANES } from "./indicators.js";
import { Watch } from "./watch.js";
import { WatchList } from "./watchlist.js";

const STATUS_EVERY_MS = 5_000;
const STATUS_EVERY_MS_LOADING = 2_000;
const DEFAULT_SYMBOL = "BTCUSDT";
const DEFAULT_INTERVAL = "1h";

class Page {
  symbol = "";
  interval = DEFAULT_INTERVAL;
  /** @type {any} the answer of /api/status */
  status = null;

  constructor() {
    this.chart = makeChart(byId("chart"));
    this.panes = new Panes(this.chart);
    this.socket = new PushSocket({ onLink: () => this.line?.refresh(), onError: (message) => notice(message) });
    this.feed = new Feed(this.chart, this.socket, {
      onState: () => this.veil?.refresh(),
      onBars: () => this.#barsChanged(),
    });
    this.line = new StatusLine(this.feed, this.socket);
    this.veil = new Veil(this);
    this.legend = new Legend(this.feed);
    this.watch = new Watch(this.socket);
    this.watchList = new WatchList(this.watch, (symbol) => this.show({ symbol }));
    this.search = new Search(this.watch, { choose: (symbol) => this.show({ symbol }), add: null });
    this.chart.setDataLoader(this.feed.loader);
    this.#buttons();
    this.#keys();
    addEventListener("popstate", () => this.#showAddress());
  }

  async start() {
    const address = new URLSearchParams(location.search);
    const symbol = address.get("symbol")?.toUpperCase() ?? recall("symbol", null);
    const interval = address.get("interval") ?? recall("interval", DEFAULT_INTERVAL);
    // A known symbol is shown at once; what is tracked is only needed to choose one.
    if (symbol !== null) this.show({ symbol, interval }, { push: false });
    await this.#readStatus();
    if (symbol === null) {
      const tracked = this.status?.active_symbols ?? [];
      const first = tracked.includes(DEFAULT_SYMBOL) ? DEFAULT_SYMBOL : tracked[0];
      this.show({ symbol: first ?? DEFAULT_SYMBOL, interval }, { push: false });
    }
  }

  /**
   * Show another symbol, or timeframe, or both.
   * @param {{ symbol?: string, interval?: string }} wanted
   * @param {{ push?: boolean }} [options]  whether the address changes with it, so that "back" returns here
   */
  show({ symbol = this.symbol, interval = this.interval }, { push = true } = {}) {
    const timeframe = intervalNamed(interval) ?? /** @type {any} */ (intervalNamed(DEFAULT_INTERVAL));
    const isOtherSymbol = symbol !== this.symbol;
    if (!isOtherSymbol && timeframe.name === this.interval && this.feed.state.state !== "unknown") return;
    const isOtherInterval = timeframe.name !== this.interval || this.chart.getPeriod() === null;
    this.symbol = symbol;
    this.interval = timeframe.name;
    remember("symbol", symbol);
    remember("interval", timeframe.name);
    const address = `?${new URLSearchParams({ symbol, interval: timeframe.name })}`;
    if (push && address !== location.search) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    say(byId("symbol-name"), symbol);
    say(byId("price"), "");
    byId("chart").setAttribute("aria-label", `Candles of ${symbol}, ${timeframe.title}`);
    for (const button of byId("intervals").children) {
      button.setAttribute("aria-pressed", String(button.textContent === timeframe.name));
    }
    this.watchList.mark(symbol);
    if (isOtherInterval) this.chart.setPeriod(timeframe.period);
    if (isOtherSymbol) {
      this.chart.setSymbol({ ticker: symbol });
      void this.#readSteps(symbol);
    }
  }

  #showAddress() {
    const address = new URLSearchParams(location.search);
    const symbol = address.get("symbol")?.toUpperCase();
    this.show({ symbol: symbol ?? this.symbol, interval: address.get("interval") ?? this.interval }, { push: false });
  }

  /** How many digits the symbol's prices and volumes have. @param {string} symbol */
  async #readSteps(symbol) {
    let steps;
    try {
      steps = await json("/symbols", { query: { symbol } });
    } catch {
      // The chart goes on with the digits of most symbols.
      return;
    }
    if (symbol !== this.symbol || typeof steps.pricescale !== "number") return;
    const info = this.chart.getSymbol();
    if (info === null) return;
    // In place: setting the symbol again would load its bars again.
    info.pricePrecision = Math.round(Math.log10(steps.pricescale));
    info.volumePrecision = steps.volume_precision ?? 0;
    this.chart.setStyles({});
    this.#barsChanged();
  }

  #barsChanged() {
    this.legend?.refresh();
    const newest = this.feed.bars.at(-1);
    if (newest === undefined) return;
    if (performance.getEntriesByName("first-candles").length === 0) {
      requestAnimationFrame(() => performance.mark("first-candles"));
    }
    const text = priceText(newest.close, this.chart.getSymbol()?.pricePrecision ?? 2);
    say(byId("price"), text);
    const title = `${text} ${this.symbol} ${this.interval}`;
    if (document.title !== title) document.title = title;
  }

  async #readStatus() {
    let pause = STATUS_EVERY_MS;
    try {
      if (!document.hidden || this.status === null) {
        this.status = await status();
        this.watch.track(this.status.active_symbols);
        this.#statusChanged();
      }
      if (this.status.history.some((/** @type {any} */ one) => one.percent < 100)) pause = STATUS_EVERY_MS_LOADING;
    } catch {
      // The next one; the line below says whether the server is there.
    }
    setTimeout(() => void this.#readStatus(), pause);
  }

  #statusChanged() {
    const live = this.status.live.find((/** @type {any} */ one) => one.symbol === this.symbol);
    this.line.isStale = live?.is_stale ?? false;
    this.veil.refresh();
  }

  #buttons() {
    for (const interval of INTERVALS) {
      const choose = () => this.show({ interval: interval.name });
      byId("intervals").append(
        make("button", { type: "button", "aria-pressed": "false", title: interval.title, onclick: choose }, interval.name),
      );
    }
    for (const pane of PANES) {
      const box = make("input", { type: "checkbox", checked: this.panes.shown.includes(pane.name) });
      box.addEventListener("change", () => this.panes.toggle(pane.name));
      byId("panes-menu").append(make("label", {}, box, pane.title));
    }
    byId("panes-menu").addEventListener("toggle", () => {
      const { left, bottom } = byId("panes-button").getBoundingClientRect();
      byId("panes-menu").style.left = `${Math.max(4, Math.min(left, innerWidth - 230))}px`;
      byId("panes-menu").style.top = `${bottom + 4}px`;
    });
    byId("theme").addEventListener("click", toggleTheme);
    byId("screenshot").addEventListener("click", () => this.#savePicture());
    byId("full-screen").addEventListener("click", () => this.toggleFullScreen());
    byId("timezone").addEventListener("click", () => this.#setTimezone(!recall("local-time", false)));
    this.#setTimezone(recall("local-time", false));
    byId("to-end").addEventListener("click", () => this.chart.scrollToRealTime(200));
    this.chart.subscribeAction("onVisibleRangeChange", () => {
      const { realTo } = this.chart.getVisibleRange();
      byId("to-end").hidden = realTo >= this.feed.bars.length;
    });
  }

  /** @param {boolean} isLocal */
  #setTimezone(isLocal) {
    remember("local-time", isLocal);
    this.chart.setTimezone(isLocal ? Intl.DateTimeFormat().resolvedOptions().timeZone : "Etc/UTC");
    say(byId("timezone"), isLocal ? "Local" : "UTC");
  }

  toggleFullScreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch(() => notice("this browser does not allow full screen"));
  }

  #savePicture() {
    const day = new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-");
    const link = make("a", {
      href: this.chart.getConvertPictureUrl(true, "png", colour("ground")),
      download: `${this.symbol}-${this.interval}-${day}.png`,
    });
    link.click();
  }

  #keys() {
    addEventListener("keydown", (event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog[open], [popover]")) return;
      const action = this.#actionOf(event.key);
      if (action === undefined) return;
      event.preventDefault();
      action();
    });
  }

  /**
   * @param {string} key
   * @returns {(() => void) | undefined}
   */
  #actionOf(key) {
    const step = (this.chart.getBarSpace()?.bar ?? 8) * 10;
    /** @type {Record<string, () => void>} */
    const actions = {
      "/": () => this.search.open(),
      f: () => this.toggleFullScreen(),
      w: () => this.watchList.toggle(),
      ArrowLeft: () => this.chart.scrollByDistance(step, 0),
      ArrowRight: () => this.chart.scrollByDistance(-step, 0),
      "+": () => this.chart.zoomAtCoordinate(1.2),
      "-": () => this.chart.zoomAtCoordinate(0.8),
      End: () => this.chart.scrollToRealTime(200),
    };
    const interval = INTERVALS[Number(key) - 1];
    return actions[key] ?? (interval && (() => this.show({ interval: interval.name })));
  }
}

try {
  const page = new Page();
  // For the curious at the console, and for the tests: a canvas tells neither what it shows.
  Object.assign(globalThis, { page });
  void page.start();
} catch (error) {
  byId("veil").hidden = false;
  byId("veil").replaceChildren(make("p", { class: "title" }, "The chart cannot be shown"), make("p", {}, String(error)));
  throw error;
}

export {};
