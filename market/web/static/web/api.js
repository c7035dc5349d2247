// Every HTTP call of the page, and how it fails.

import { learn } from "./clock.js";

/** How long an answer may take; a server that hangs is treated as one that is away. */
const PATIENCE_MS = 20_000;

/** A call that did not succeed. `status` is 0 where no answer came; `retryAfter` (seconds) is the server's wish. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number | null} [retryAfter]
   */
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may succeed later. */
  get isPassing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/**
 * @typedef {object} Bar
 * @property {number} timestamp
 * @property {number} open
 * @property {number} high
 * @property {number} low
 * @property {number} close
 * @property {number} volume
 * @property {number} taker_buy_volume
 * @property {number} net_volume
 * @property {boolean} is_closed
 */

/**
 * How far the history of a symbol is. Days are UTC days that are over; `rows` (minutes), `states` (days by state) and
 * the last day count the running one, too.
 * @typedef {object} Progress
 * @property {string} symbol
 * @property {number} percent  rounded down: 100 means that nothing is left
 * @property {number} days_wanted
 * @property {number} days_done
 * @property {number} rows
 * @property {Record<string, number>} states
 * @property {string | null} first_day
 * @property {string | null} last_day
 */

/**
 * One call. Raises ApiError for whatever is not a success; an abort goes through as it is.
 * @param {string} path
 * @param {RequestInit & { query?: Record<string, string | number> }} [options]
 * @returns {Promise<Response>}
 */
export async function call(path, { query = {}, signal, headers, ...rest } = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const writing = rest.method !== undefined && rest.method !== "GET";
  let answer;
  try {
    answer = await fetch(url, {
      ...rest,
      headers: { Accept: "application/json", ...(writing ? { "X-CSRFToken": csrfToken() } : {}), ...headers },
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, patience.aborted ? "the server takes too long to answer" : "the server cannot be reached");
  }
  if (answer.ok || answer.status === 304) return answer;
  throw new ApiError(answer.status, await reason(answer), Number(answer.headers.get("Retry-After")) || null);
}

/**
 * The `data` of an answer of /api.
 * @param {string} path
 * @param {Parameters<typeof call>[1]} [options]
 * @returns {Promise<any>}
 */
export async function data(path, options) {
  return (await json(path, options)).data;
}

/**
 * A JSON answer as it is.
 * @param {string} path
 * @param {Parameters<typeof call>[1]} [options]
 * @returns {Promise<any>}
 */
export async function json(path, options) {
  const answer = await call(path, options);
  try {
    return await answer.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new ApiError(0, "the answer broke off");
  }
}

/**
 * The newest bars of a symbol up to `end` (inclusive on the open time; now, without it), oldest first.
 * @param {string} symbol
 * @param {string} interval
 * @param {{ limit: number, end?: number, signal?: AbortSignal }} options
 * @returns {Promise<Bar[]>}
 */
export async function bars(symbol, interval, { limit, end, signal }) {
  const query = { interval, limit, ...(end === undefined ? {} : { end_time: end }) };
  const rows = await data(`/api/klines/${encodeURIComponent(symbol)}`, { query, signal });
  // The name in each row is of no use to a chart of one symbol.
  return rows.map((/** @type {any} */ { symbol: _, ...bar }) => bar);
}

/** What runs and how far the history is. Teaches the clock by the way. */
export async function status() {
  const asked = Date.now();
  const answer = await data("/api/status");
  learn(answer.server_time, asked, Date.now());
  return answer;
}

/** @param {Response} answer */
async function reason(answer) {
  try {
    const body = await answer.json();
    const text = body.error ?? body.errmsg ?? body.message ?? body.detail;
    if (typeof text === "string" && text !== "") return text;
  } catch {
    // Not one of ours: a proxy, perhaps.
  }
  return `the server answers ${answer.status} ${answer.statusText}`.trim();
}

function csrfToken() {
  return document.cookie.match(/(?:^|;\s*)csrftoken=([^;]+)/)?.[1] ?? "";
}
