// How far the history of a symbol is, out of what /api/status tells of it.

/**
 * @typedef {object} Progress
 * @property {string} symbol
 * @property {number} days_wanted  today among them, which ends at midnight UTC
 * @property {number} days_done
 * @property {number} rows         minutes
 * @property {Record<string, number>} states  days by state
 * @property {string | null} first_day
 * @property {string | null} last_day
 */

/**
 * The days that have ended: today is never done.
 * @param {Progress} progress
 */
export function daysEnded({ days_wanted: wanted }) {
  return Math.max(0, wanted - 1);
}

/**
 * In percent, rounded down: 100 means that nothing of the days that have ended is left.
 * @param {Progress} progress
 */
export function percent(progress) {
  const ended = daysEnded(progress);
  return ended === 0 ? 100 : Math.min(100, Math.floor((progress.days_done / ended) * 1_000) / 10);
}
