// Bars for the chart: pages of the past by HTTP, the present by the push socket, and no hole between them.
//
// What the chart library does not do, and this module does:
// - an answer that comes late belongs to another symbol by then: each load has a token, and one that is not the newest
//   is dropped;
// - a load that fails is tried again until it succeeds, for the library waits for its callback for ever;
// - a bar older than the newest one is ignored by the library: a correction, or a hole, loads the series anew, at the
//   place where the chart is.

import { ApiError, bars as fetchBars } from "./api.js";
import { intervalOf, nextOpen } from "./intervals.js";

const PAGE = 1_000;
const MOST = 20_000;
/** More bars at once than this are loaded, not pushed one by one: each push makes the chart work. */
const MOST_PUSHED = 50;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** A series is loaded anew at most this often, whatever the reason. */
const RELOAD_EVERY_MS = 2_000;
/** While the socket is away. */
const POLL_EVERY_MS = 5_000;

/** Answers that are the same however often one asks. @type {Record<number, FeedState["state"]>} */
const FINAL = { 401: "refused", 403: "refused", 404: "unknown" };

/**
 * @typedef {import("./api.js").Bar} Bar
 * @typedef {import("./intervals.js").Interval} Interval
 * @typedef {import("klinecharts").Chart} Chart
 *
 * What can be said of the series that is shown. `problem` of a load is there while it is tried again.
 * @typedef {object} FeedState
 * @property {"loading" | "ready" | "empty" | "failed" | "unknown" | "refused"} state  "refused": to whom is not logged in
 * @property {string} [problem]
 * @property {number} [retryAt]
 */

export class Feed {
  /** @type {((bar: Bar) => void) | null} */
  #push = null;
  /** @type {() => void} */
  #unsubscribe = () => {};
  #abort = new AbortController();
  /** @type {Map<number, Bar>} */
  #pending = new Map();
  #isFlushDue = false;
  #reloadedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reloadTimer;
  #retry = () => {};
  /** The series whose bars the chart has. */
  #held = "";
  /** @type {FeedState} */
  state = { state: "loading" };
  /** Whether the oldest bar there is has been loaded. */
  isExhausted = false;
  /** When the newest data of this series came (Date.now()); null: none yet. @type {number | null} */
  heardAt = null;

  /**
   * @param {Chart} chart
   * @param {import("./socket.js").PushSocket} socket
   * @param {{ onState: (state: FeedState) => void, onBars: () => void }} listener
   */
  constructor(chart, socket, { onState, onBars }) {
    this.chart = chart;
    this.socket = socket;
    this.onState = onState;
    this.onBars = onBars;
    setInterval(() => this.#poll(), POLL_EVERY_MS);
    // Nothing is drawn while nobody looks; what came meanwhile is drawn when somebody does.
    document.addEventListener("visibilitychange", () => document.hidden || this.#flush());
  }

  /** What the chart calls. */
  get loader() {
    return {
      getBars: (/** @type {import("klinecharts").DataLoaderGetBarsParams} */ params) => void this.#load(params),
      subscribeBar: (/** @type {import("klinecharts").DataLoaderSubscribeBarParams} */ params) => this.#follow(params),
      unsubscribeBar: () => this.#leave(),
    };
  }

  /** The bars that are loaded. @returns {Bar[]} */
  get bars() {
    return /** @type {Bar[]} */ (/** @type {unknown} */ (this.chart.getDataList()));
  }

  /** Load the series again, at the place where the chart is; soon, if it was done just now. */
  reload() {
    clearTimeout(this.#reloadTimer);
    const pause = this.#reloadedAt + RELOAD_EVERY_MS - Date.now();
    if (pause > 0) this.#reloadTimer = setTimeout(() => this.reload(), pause);
    else {
      this.#reloadedAt = Date.now();
      this.chart.resetData();
    }
  }

  /** Try at once what has failed. */
  retry() {
    this.#retry();
  }

  /** @param {import("klinecharts").DataLoaderGetBarsParams} params */
  async #load({ type, timestamp, symbol, period, callback }) {
    if (type === "backward") {
      callback([], { backward: false, forward: !this.isExhausted });
      return;
    }
    const interval = intervalOf(period);
    const place = type === "init" ? this.#place(symbol.ticker, interval) : null;
    if (type === "init") {
      this.#leave();
      this.#abort = new AbortController();
      this.#tell({ state: "loading" });
    }
    const { signal } = this.#abort;
    const limit = place?.limit ?? PAGE;
    const end = timestamp === null ? undefined : timestamp - 1;
    const series = `${symbol.ticker}|${interval.name}`;
    const rows = await this.#insist(() => fetchBars(symbol.ticker, interval.name, { limit, end, signal }), signal, () => {
      // The library keeps the bars of the last series until others come; under this name they would be a lie.
      if (this.#held === series || this.bars.length === 0) return;
      callback([], false);
      this.onBars();
    });
    if (rows === null) return;
    this.isExhausted = rows.length < limit;
    this.#held = series;
    this.#tell({ state: rows.length + (type === "init" ? 0 : this.bars.length) > 0 ? "ready" : "empty" });
    callback(/** @type {any[]} */ (rows), { forward: !this.isExhausted, backward: false });
    if (place?.right) this.chart.scrollToTimestamp(place.right, 0);
    this.onBars();
  }

  /**
   * How much to load of a series, and which bar was at the right edge if the chart was scrolled back in it.
   * @param {string} symbol
   * @param {Interval} interval
   */
  #place(symbol, interval) {
    if (this.#held !== `${symbol}|${interval.name}`) return { limit: PAGE, right: null };
    const held = this.bars.length;
    const { realTo } = this.chart.getVisibleRange();
    const right = realTo < held ? this.bars[realTo - 1]?.timestamp ?? null : null;
    return { limit: Math.min(MOST, Math.max(PAGE, held + MOST_PUSHED)), right };
  }

  /**
   * What the call gives in the end; null if nobody wants it any more. `onFailure` is told of each attempt that failed.
   * @template T
   * @param {() => Promise<T>} attempt
   * @param {AbortSignal} signal
   * @param {() => void} onFailure
   * @returns {Promise<T | null>}
   */
  async #insist(attempt, signal, onFailure) {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        const result = await attempt();
        return signal.aborted ? null : result;
      } catch (error) {
        if (signal.aborted) return null;
        if (!(error instanceof ApiError)) throw error;
        const final = FINAL[error.status];
        if (final !== undefined) {
          this.#tell({ state: final, problem: error.message });
          onFailure();
          return null;
        }
        const wait = Math.max(pause, (error.retryAfter ?? 0) * 1_000);
        this.#tell({ state: "failed", problem: error.message, retryAt: Date.now() + wait });
        onFailure();
        await new Promise((resolve) => {
          this.#retry = () => resolve(undefined);
          setTimeout(resolve, wait);
        });
        if (signal.aborted) return null;
        this.#tell({ state: "loading" });
      }
    }
  }

  /** @param {import("klinecharts").DataLoaderSubscribeBarParams} params */
  #follow({ symbol, period, callback }) {
    this.#unsubscribe();
    // Of what is not served here nothing comes.
    if (this.state.state === "unknown" || this.state.state === "refused") return;
    this.#push = /** @type {any} */ (callback);
    const interval = intervalOf(period);
    this.#unsubscribe = this.socket.subscribe({
      symbol: symbol.ticker,
      interval: interval.name,
      onBar: ({ symbol: _, interval: __, ...bar }) => this.#hear(bar),
      since: () => this.#newestClosed(),
    });
  }

  #leave() {
    this.#abort.abort();
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#push = null;
    this.#pending.clear();
    this.heardAt = null;
  }

  /** @returns {number | null} */
  #newestClosed() {
    const newest = this.bars.at(-1);
    if (newest === undefined) return null;
    return newest.is_closed ? newest.timestamp : newest.timestamp - 1;
  }

  /** @param {Bar} bar */
  #hear(bar) {
    this.heardAt = Date.now();
    const waiting = this.#pending.get(bar.timestamp);
    // A closed bar is the last word on its minute.
    if (waiting === undefined || !waiting.is_closed || bar.is_closed) this.#pending.set(bar.timestamp, bar);
    if (this.#isFlushDue || document.hidden) return;
    this.#isFlushDue = true;
    requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#isFlushDue = false;
    const push = this.#push;
    if (push === null || this.#pending.size === 0) return;
    const heard = [...this.#pending.values()].sort((one, other) => one.timestamp - other.timestamp);
    this.#pending.clear();
    if (this.state.state === "empty") this.#tell({ state: "ready" });
    if (heard.length > MOST_PUSHED) {
      this.reload();
      return;
    }
    const interval = intervalOf(/** @type {any} */ (this.chart.getPeriod()));
    let needsReload = false;
    for (const bar of heard) {
      const newest = this.bars.at(-1);
      if (newest !== undefined && bar.timestamp > nextOpen(interval, newest.timestamp)) needsReload = true;
      if (newest !== undefined && bar.timestamp < newest.timestamp) needsReload ||= this.#differs(bar);
      else push(bar);
    }
    if (needsReload) this.reload();
    this.onBars();
  }

  /**
   * Whether the bar that is loaded for this time is another one.
   * @param {Bar} bar
   */
  #differs(bar) {
    const held = this.bars.findLast((one) => one.timestamp <= bar.timestamp);
    return held?.timestamp !== bar.timestamp || held.close !== bar.close || held.volume !== bar.volume
      || held.high !== bar.high || held.low !== bar.low || held.open !== bar.open;
  }

  /** What the socket would have brought, while there is none. */
  async #poll() {
    if (this.socket.link.state === "open" || this.#push === null || document.hidden) return;
    const period = this.chart.getPeriod();
    const symbol = this.chart.getSymbol();
    if (period === null || symbol === null) return;
    const { signal } = this.#abort;
    try {
      // As many as the longest pause between two polls can have closed, and the forming one.
      const rows = await fetchBars(symbol.ticker, intervalOf(period).name, { limit: MOST_PUSHED, signal });
      if (signal.aborted) return;
      const newest = this.bars.at(-1)?.timestamp ?? 0;
      for (const bar of rows) if (bar.timestamp >= newest) this.#hear(bar);
    } catch (error) {
      // The status line says that the server is away; the next poll, or the socket, makes up for it.
      if (!(error instanceof ApiError) && !signal.aborted) throw error;
    }
  }

  /** @param {FeedState} state */
  #tell(state) {
    this.state = state;
    this.onState(state);
  }
}
