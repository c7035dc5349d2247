// The push socket: one for the page, opened again whenever it ends, with everything that was subscribed.

const PING_EVERY_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** Names in one message, which may have 16 KiB. */
const NAMES_PER_MESSAGE = 400;

/**
 * @typedef {import("./api.js").Bar & { symbol: string, interval?: string }} Frame
 * @typedef {object} Subscription
 * @property {string} symbol
 * @property {string} interval
 * @property {(frame: Frame) => void} onBar
 * @property {() => number | null} [since]  open time of the newest closed bar that is held; what closed after it is
 *     sent first, whenever the subscription is made (again). Null, or none: only what comes from now on.
 *
 * @typedef {{ state: "connecting" | "open" | "waiting", retryAt?: number }} Link
 */

export class PushSocket {
  /** @type {Map<string, Set<Subscription>>} */
  #subscriptions = new Map();
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #heardAt = 0;
  #pingedAt = 0;
  /** @type {{ subscribe: Set<string>, unsubscribe: Set<string> }} */
  #due = { subscribe: new Set(), unsubscribe: new Set() };
  #isFlushing = false;

  /**
   * @param {{ onLink: (link: Link) => void, onError: (message: string) => void }} listener
   */
  constructor({ onLink, onError }) {
    this.onLink = onLink;
    this.onError = onError;
    /** @type {Link} */
    this.link = { state: "connecting" };
    setInterval(() => this.#check(), PING_EVERY_MS);
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    this.#open();
  }

  /** Try at once, where the next attempt is only due later. */
  retry() {
    if (this.link.state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#open();
  }

  /**
   * Get bars from now on. Ends with what is returned.
   * @param {Subscription} subscription
   * @returns {() => void}
   */
  subscribe(subscription) {
    const key = keyOf(subscription);
    const sharing = this.#subscriptions.get(key) ?? new Set();
    const isNew = sharing.size === 0;
    sharing.add(subscription);
    this.#subscriptions.set(key, sharing);
    if (isNew || subscription.since) this.#want("subscribe", key);
    return () => {
      if (!sharing.delete(subscription) || sharing.size > 0) return;
      this.#subscriptions.delete(key);
      this.#want("unsubscribe", key);
    };
  }

  /**
   * @param {"subscribe" | "unsubscribe"} what
   * @param {string} key
   */
  #want(what, key) {
    this.#due[what].add(key);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  /** Subscriptions first: a socket without any gets everything there is. */
  #flush() {
    const { subscribe, unsubscribe } = this.#due;
    this.#due = { subscribe: new Set(), unsubscribe: new Set() };
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    /** @type {Map<string, string[]>} */
    const plain = new Map();
    for (const key of subscribe) {
      const sharing = this.#subscriptions.get(key);
      if (sharing === undefined) continue;
      const { symbol, interval, since } = withSince(sharing);
      if (since === null) plain.set(interval, [...(plain.get(interval) ?? []), symbol]);
      else this.#send({ type: "subscribe", data: { symbols: [symbol], intervals: [interval], since } });
    }
    for (const [interval, symbols] of plain) {
      for (let i = 0; i < symbols.length; i += NAMES_PER_MESSAGE) {
        const part = symbols.slice(i, i + NAMES_PER_MESSAGE);
        this.#send({ type: "subscribe", data: { symbols: part, intervals: [interval] } });
      }
    }
    for (const key of unsubscribe) {
      if (this.#subscriptions.has(key)) continue;
      const [symbol, interval] = key.split("|");
      this.#send({ type: "unsubscribe", data: { symbols: [symbol], intervals: [interval] } });
    }
  }

  #open() {
    this.#tell({ state: "connecting" });
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#heardAt = Date.now();
    this.#pingedAt = 0;
    socket.onopen = () => {
      this.#tell({ state: "open" });
      for (const key of this.#subscriptions.keys()) this.#due.subscribe.add(key);
      this.#flush();
    };
    socket.onmessage = (event) => {
      // A connection that has brought something is one; an open one alone may be closed at once, again and again.
      this.#failures = 0;
      this.#heardAt = Date.now();
      this.#hear(JSON.parse(event.data));
    };
    socket.onclose = () => this.#socket === socket && this.#wait();
  }

  #wait() {
    this.#socket = null;
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Not all pages at the same moment, after a restart of the server.
    const pause = longest * (0.5 + Math.random() / 2);
    this.#tell({ state: "waiting", retryAt: Date.now() + pause });
    this.#timer = setTimeout(() => this.#open(), pause);
  }

  /** A connection that died without a word is noticed when nothing came after the last ping. */
  #check() {
    const socket = this.#socket;
    if (socket === null) return;
    if (this.#pingedAt > this.#heardAt) {
      socket.onclose = socket.onmessage = null;
      socket.close();
      this.#wait();
    } else if (socket.readyState === WebSocket.OPEN) {
      this.#send({ type: "ping" });
      this.#pingedAt = Date.now();
    }
  }

  /** @param {{ type: string, data: any }} message */
  #hear({ type, data }) {
    if (type === "kline" && data.interval !== undefined) {
      for (const subscription of this.#subscriptions.get(keyOf(data)) ?? []) subscription.onBar(data);
    } else if (type === "error") {
      this.onError(String(data.message));
    }
  }

  /** @param {object} message */
  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** @param {Link} link */
  #tell(link) {
    this.link = link;
    this.onLink(link);
  }
}

/** @param {{ symbol: string, interval?: string }} series */
function keyOf({ symbol, interval }) {
  return `${symbol}|${interval}`;
}

/**
 * What several subscriptions to one series ask for together: the oldest `since` of them.
 * @param {Set<Subscription>} sharing
 */
function withSince(sharing) {
  const [{ symbol, interval }] = sharing;
  const moments = [...sharing].map((one) => one.since?.() ?? null).filter((moment) => moment !== null);
  return { symbol, interval, since: moments.length > 0 ? Math.min(...moments) : null };
}
