// The chart page: makes the parts, and says what happens when a symbol or a timeframe is chosen.

import { ApiError, json, status } from "./api.js";
import { ask, takeBack } from "./ask.js";
import { Canvases } from "./canvases.js";
import { makeChart, Panes } from "./chart.js";
import { Controls } from "./controls.js";
import { DataDialog } from "./datadialog.js";
import { byId, make, say } from "./dom.js";
import { DrawingBoard } from "./drawings.js";
import { Feed } from "./feed.js";
import { Growth } from "./growth.js";
import { intervalNamed } from "./intervals.js";
import { listenToKeys } from "./keys.js";
import { Legend } from "./legend.js";
import { notice } from "./notices.js";
import { priceText } from "./numbers.js";
import { recall, remember } from "./preferences.js";
import { Search } from "./search.js";
import { loginAddress, readSession } from "./session.js";
import { PushSocket } from "./socket.js";
import { StatusLine } from "./statusline.js";
import { Toolbar } from "./toolbar.js";
import { Veil } from "./veil.js";
import { Watch } from "./watch.js";
import { WatchList } from "./watchlist.js";

const STATUS_EVERY_MS = 5_000;
const STATUS_EVERY_MS_LOADING = 2_000;
const TITLE_EVERY_MS = 1_000;
const FIRST_SYMBOL = "BTCUSDT";
const FIRST_INTERVAL = "1h";

export class Page {
  symbol = "";
  interval = "";
  /** @type {any} the answer of /api/status */
  status = null;
  /** @type {import("./session.js").Session | null} */
  session = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #statusTimer;
  #titleSetAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #titleTimer;

  constructor() {
    const choose = (/** @type {string} */ symbol) => this.show({ symbol });
    this.chart = makeChart(byId("chart"));
    this.panes = new Panes(this.chart);
    this.socket = new PushSocket({ onLink: () => this.line?.refresh(), onError: notice });
    this.feed = new Feed(this.chart, this.socket, {
      onState: () => this.veil?.refresh(),
      onBars: () => this.#barsChanged(),
    });
    this.growth = new Growth(this.feed);
    this.line = new StatusLine(this.feed, this.socket);
    this.legend = new Legend(this.feed);
    this.watch = new Watch(this.socket);
    this.watchList = new WatchList(this.watch, choose);
    this.data = new DataDialog({ choose, refresh: () => this.readStatus() });
    this.veil = new Veil(this);
    this.search = new Search(this.watch, { choose, add: (symbol) => void this.data.track(symbol) });
    this.controls = new Controls(this.chart, this.panes, {
      choose: (interval) => this.show({ interval }),
      name: () => `${this.symbol}-${this.interval}`,
    });
    this.board = new DrawingBoard(this.chart, {
      onChange: () => this.canvases.changed(),
      onState: () => this.toolbar?.refresh(),
      askText: (value) => ask({ title: "Text", value, yes: "Write" }),
    });
    this.toolbar = new Toolbar(this.board);
    this.canvases = new Canvases(this.board);
    this.chart.setDataLoader(this.feed.loader);
    listenToKeys(this);
    addEventListener("popstate", () => this.#showAddress());
  }

  /** Show what the address says, or what was shown the last time. */
  async start() {
    const address = new URLSearchParams(location.search);
    const symbol = address.get("symbol")?.toUpperCase() || recall("symbol", null);
    const interval = address.get("interval") ?? recall("interval", FIRST_INTERVAL);
    // A symbol that is named is shown at once; what else is tracked may come later.
    if (symbol !== null) this.show({ symbol, interval }, { push: false });
    void readSession().then((session) => this.#admit(session));
    await this.readStatus();
    if (this.symbol !== "") return;
    const tracked = this.status?.active_symbols ?? [];
    const first = tracked.includes(FIRST_SYMBOL) ? FIRST_SYMBOL : tracked[0];
    this.show({ symbol: first ?? FIRST_SYMBOL, interval }, { push: false });
  }

  /**
   * Show another symbol, or timeframe, or both.
   * @param {{ symbol?: string, interval?: string }} wanted
   * @param {{ push?: boolean }} [options]  whether "back" returns to what is shown now
   */
  show({ symbol = this.symbol, interval = this.interval }, { push = true } = {}) {
    const timeframe = intervalNamed(interval) ?? /** @type {any} */ (intervalNamed(FIRST_INTERVAL));
    const isOtherSymbol = symbol !== this.symbol;
    const isOtherInterval = timeframe.name !== this.interval;
    if (!isOtherSymbol && !isOtherInterval) {
      // It may have become known since.
      if (this.feed.state.state === "unknown") this.feed.reload();
      return;
    }
    this.symbol = symbol;
    this.interval = timeframe.name;
    remember("symbol", symbol);
    remember("interval", timeframe.name);
    const address = `?${new URLSearchParams({ symbol, interval: timeframe.name })}`;
    history[push && address !== location.search ? "pushState" : "replaceState"](null, "", address);
    say(byId("symbol-name"), symbol);
    say(byId("price"), "");
    this.#setTitle(`${symbol} ${timeframe.name}`);
    byId("chart").setAttribute("aria-label", `Candles of ${symbol}, ${timeframe.title}`);
    this.controls.mark(timeframe.name);
    this.watchList.mark(symbol);
    if (isOtherInterval) this.chart.setPeriod(timeframe.period);
    if (isOtherSymbol) {
      // What was asked was asked about the symbol that was shown.
      takeBack();
      this.chart.setSymbol({ ticker: symbol });
      void this.#readSteps(symbol);
      if (this.session !== null) this.canvases.open(symbol);
      this.#statusChanged();
    }
  }

  /** Read what runs now and how far the history is, and again after a while. */
  async readStatus() {
    clearTimeout(this.#statusTimer);
    try {
      if (!document.hidden || this.status === null) {
        this.status = await status();
        this.watch.track(this.status.active_symbols);
        this.#statusChanged();
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The next one tells; the line below the chart says whether the server is there.
      this.data.fail(error.message);
    } finally {
      // Whatever went wrong here: the page must not stop asking.
      clearTimeout(this.#statusTimer);
      const isLoading = this.status?.history.some((/** @type {any} */ one) => one.percent < 100);
      const pause = isLoading ? STATUS_EVERY_MS_LOADING : STATUS_EVERY_MS;
      this.#statusTimer = setTimeout(() => void this.readStatus(), pause);
    }
  }

  /** @param {import("./session.js").Session} session */
  #admit(session) {
    this.session = session;
    const mayWrite = session.may_write;
    byId("log-in").hidden = mayWrite;
    byId("log-in").setAttribute("href", loginAddress());
    this.data.mayWrite = mayWrite;
    this.board.isReadOnly = !mayWrite;
    // Where a login is needed to write, drawings are their owner's alone.
    this.canvases.isAllowed = mayWrite;
    if (!mayWrite) this.search.add = null;
    byId("canvas-button").hidden = !mayWrite;
    this.toolbar.refresh();
    if (this.symbol !== "") this.canvases.open(this.symbol);
    this.veil.refresh();
  }

  #showAddress() {
    const address = new URLSearchParams(location.search);
    const symbol = address.get("symbol")?.toUpperCase() || this.symbol;
    this.show({ symbol, interval: address.get("interval") ?? this.interval }, { push: false });
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
    const info = this.chart.getSymbol();
    if (symbol !== this.symbol || typeof steps.pricescale !== "number" || info === null) return;
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
    this.#setTitle(`${text} ${this.symbol} ${this.interval}`);
  }

  /** A title is the window's, and costs more than a text of the page: at most once a second. @param {string} title */
  #setTitle(title) {
    const wait = this.#titleSetAt + TITLE_EVERY_MS - Date.now();
    clearTimeout(this.#titleTimer);
    if (wait > 0) {
      this.#titleTimer = setTimeout(() => this.#setTitle(title), wait);
      return;
    }
    this.#titleSetAt = Date.now();
    if (document.title !== title) document.title = title;
  }

  #statusChanged() {
    if (this.status === null) return;
    const ofSymbol = (/** @type {any} */ one) => one.symbol === this.symbol;
    const progress = this.status.history.find(ofSymbol);
    this.line.isStale = this.status.live.find(ofSymbol)?.is_stale ?? false;
    this.line.showHistory(progress);
    this.growth.see(this.symbol, progress);
    this.data.update(this.status.history);
    this.veil.refresh();
  }
}

try {
  const page = new Page();
  // For the curious at the console, and for the tests: a canvas does not tell what it shows.
  Object.assign(globalThis, { page });
  void page.start();
} catch (error) {
  byId("veil").hidden = false;
  byId("veil").replaceChildren(make("p", { class: "title" }, "The chart cannot be shown"), make("p", {}, String(error)));
  throw error;
}
