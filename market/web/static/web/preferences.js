// What this browser remembers. Where storage is forbidden or full, it remembers until the page is left.

const PREFIX = "klineproject.";
/** @type {Map<string, string>} */
const untilLeft = new Map();

/**
 * The remembered value, or `otherwise` where there is none or it cannot be read.
 * @template T
 * @param {string} name
 * @param {T} otherwise
 * @returns {T}
 */
export function recall(name, otherwise) {
  const text = untilLeft.get(name) ?? stored(name);
  if (text === null) return otherwise;
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/**
 * Remember a value; null forgets it.
 * @param {string} name
 * @param {unknown} value
 */
export function remember(name, value) {
  untilLeft.delete(name);
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    if (value !== null) untilLeft.set(name, JSON.stringify(value));
  }
}

/** @param {string} name */
function stored(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}
