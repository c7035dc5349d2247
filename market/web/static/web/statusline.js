// The line below the chart: is it live, how old is the data, when does the bar close, whose clock is wrong.

import { skew } from "./clock.js";
import { byId, say } from "./dom.js";
import { countdown } from "./chart.js";

/** An answer takes some milliseconds; less than this is not worth a word. */
const SKEW_WORTH_SAYING_MS = 250;
/** Without anything new for so long, a symbol is quiet: the exchange says something of a traded one every second. */
const QUIET_AFTER_S = 90;
const FRESH_S = 10;

export class StatusLine {
  /**
   * @param {import("./feed.js").Feed} feed
   * @param {import("./socket.js").PushSocket} socket
   */
  constructor(feed, socket) {
    this.feed = feed;
    this.socket = socket;
    /** What the server says of the shown symbol: whether its stream is silent. */
    this.isStale = false;
    setInterval(() => this.refresh(), 250);
  }

  refresh() {
    if (document.hidden) return;
    const { link } = this.socket;
    const heard = this.feed.heardAt;
    const age = heard === null ? null : Math.max(0, (Date.now() - heard) / 1_000);
    const [state, text, wait = ""] = this.#describe(link, age);
    byId("link-dot").dataset.state = state;
    say(byId("link-text"), text);
    // Beside what a screen reader tells of: nobody wants to hear each second.
    say(byId("link-wait"), wait);
    say(byId("age"), age === null ? "" : `data ${ageText(age)} old`);
    const newest = this.feed.bars.at(-1);
    say(byId("countdown"), newest === undefined ? "" : `bar closes in ${countdown(this.feed.chart, newest.timestamp)}`);
    const off = skew();
    say(byId("skew"), off === null || Math.abs(off) < SKEW_WORTH_SAYING_MS ? "" : skewText(off));
  }

  /** How far the history of the symbol is. @param {import("./api.js").Progress | undefined} progress */
  showHistory(progress) {
    const button = byId("history");
    button.hidden = progress === undefined;
    if (progress === undefined) return;
    const { percent } = progress;
    say(button, percent < 100 ? `history loading, ${Math.floor(percent)} %` : "history complete");
  }

  /**
   * @param {import("./socket.js").Link} link
   * @param {number | null} age
   * @returns {[state: "good" | "busy" | "bad", text: string, wait?: string]}
   */
  #describe(link, age) {
    if (!navigator.onLine && link.state !== "open") return ["bad", "this machine is offline"];
    switch (link.state) {
      case "connecting":
        return ["busy", "connecting …"];
      case "waiting": {
        const seconds = Math.max(1, Math.ceil(((link.retryAt ?? 0) - Date.now()) / 1_000));
        return ["bad", "not live", `, trying again in ${seconds} s`];
      }
      case "open":
        // The server's word on it is some seconds old; what came since is newer.
        if (age !== null && age < FRESH_S) return ["good", "live"];
        if (this.isStale) return ["busy", "the exchange's stream is silent"];
        if (age === null) return ["busy", "waiting for data"];
        return age > QUIET_AFTER_S ? ["busy", "quiet"] : ["good", "live"];
    }
  }
}

/** @param {number} seconds */
function ageText(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** @param {number} off  by how much this clock is behind, in milliseconds */
function skewText(off) {
  const size = Math.abs(off) < 10_000 ? `${(Math.abs(off) / 1_000).toFixed(1)} s` : `${Math.round(Math.abs(off) / 1_000)} s`;
  return `this clock is ${size} ${off > 0 ? "slow" : "fast"}`;
}
