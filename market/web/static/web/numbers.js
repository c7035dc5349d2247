// Numbers as people read them. A minus is a minus sign, as wide as a plus.

const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 4 });

/**
 * A volume and its like: `950.2`, `12.3K`, `−4.56M`.
 * @param {number} value
 */
export function compact(value) {
  return short.format(value).replace("-", "−");
}

/**
 * A price with its digits: `64,123.50`.
 * @param {number} value
 * @param {number} precision
 */
export function priceText(value, precision) {
  return value.toLocaleString("en-US", { minimumFractionDigits: precision, maximumFractionDigits: precision });
}

/**
 * A price whose digits nobody has told: enough of them to be of use.
 * @param {number} price
 */
export function looseText(price) {
  const digits = price >= 1_000 ? 2 : price >= 1 ? 4 : 6;
  return price.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: digits });
}

/**
 * `+1.23 %`
 * @param {number | null} change
 */
export function changeText(change) {
  if (change === null) return "";
  return `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(2)} %`;
}
