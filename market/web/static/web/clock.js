// The server's time: this machine's clock plus what the server's answers have shown it to be off by.

// An answer that took less time says more. Old answers count less and less, for clocks drift.
const FORGET_PER_ANSWER_MS = 20;

/** @type {{ offset: number, doubt: number } | null} */
let best = null;

/**
 * Learn from an answer that names the server's time.
 * @param {number} serverTime  milliseconds UTC, read at some moment between the two below
 * @param {number} asked       Date.now() when the question left
 * @param {number} answered    Date.now() when the answer was there
 */
export function learn(serverTime, asked, answered) {
  const doubt = (answered - asked) / 2;
  if (doubt < 0) return;
  if (best !== null && best.doubt + FORGET_PER_ANSWER_MS < doubt) {
    best.doubt += FORGET_PER_ANSWER_MS;
    return;
  }
  best = { offset: serverTime - (asked + answered) / 2, doubt };
}

/** The server's time in milliseconds UTC, as far as it is known. */
export function now() {
  return Date.now() + (best?.offset ?? 0);
}

/** By how many milliseconds this machine's clock is behind the server's (before it: negative); null: not known. */
export function skew() {
  return best === null ? null : Math.round(best.offset);
}
