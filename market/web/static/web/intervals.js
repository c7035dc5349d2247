// The timeframes: their names at the API, at the chart, and when their bars end. All times are milliseconds UTC.

/**
 * @typedef {object} Interval
 * @property {string} name   as the API calls it: 1m is a minute, 1M a month
 * @property {string} title  for people
 * @property {import("klinecharts").Period} period
 * @property {number | null} ms  length, null for the month
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @type {readonly Interval[]} */
export const INTERVALS = [
  { name: "1m", title: "1 minute", period: { type: "minute", span: 1 }, ms: MINUTE },
  { name: "5m", title: "5 minutes", period: { type: "minute", span: 5 }, ms: 5 * MINUTE },
  { name: "15m", title: "15 minutes", period: { type: "minute", span: 15 }, ms: 15 * MINUTE },
  { name: "1h", title: "1 hour", period: { type: "hour", span: 1 }, ms: HOUR },
  { name: "4h", title: "4 hours", period: { type: "hour", span: 4 }, ms: 4 * HOUR },
  { name: "1d", title: "1 day", period: { type: "day", span: 1 }, ms: DAY },
  { name: "1w", title: "1 week", period: { type: "week", span: 1 }, ms: 7 * DAY },
  { name: "1M", title: "1 month", period: { type: "month", span: 1 }, ms: null },
];

/**
 * @param {string | null} name
 * @returns {Interval | undefined}
 */
export function intervalNamed(name) {
  return INTERVALS.find((interval) => interval.name === name);
}

/**
 * The interval of a chart's period.
 * @param {import("klinecharts").Period} period
 * @returns {Interval}
 */
export function intervalOf(period) {
  const found = INTERVALS.find((one) => one.period.type === period.type && one.period.span === period.span);
  if (found === undefined) throw new Error(`no such timeframe: ${period.span} ${period.type}`);
  return found;
}

/**
 * When the bar that opens at `opened` ends, which is when the next one opens.
 * @param {Interval} interval
 * @param {number} opened
 * @returns {number}
 */
export function nextOpen(interval, opened) {
  if (interval.ms !== null) return opened + interval.ms;
  const day = new Date(opened);
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1);
}
