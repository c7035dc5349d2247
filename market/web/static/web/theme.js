// Dark and light: what the system wishes, until somebody chooses.

/** @typedef {"dark" | "light"} Theme */

const KEY = "klineproject.theme";
const system = matchMedia("(prefers-color-scheme: light)");
/** @type {Set<(theme: Theme) => void>} */
const listeners = new Set();

/** @returns {Theme} */
export function theme() {
  return document.documentElement.dataset.theme === "light" ? "light" : "dark";
}

/**
 * Tell of each change.
 * @param {(theme: Theme) => void} listener
 */
export function onTheme(listener) {
  listeners.add(listener);
}

/** Change to the other one and remember that. */
export function toggleTheme() {
  const wanted = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, wanted);
  } catch {
    // It lasts as long as the page.
  }
  show(wanted);
}

/**
 * A colour of the theme, from the style sheet.
 * @param {string} name
 * @returns {string}
 */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** @param {Theme} wanted */
function show(wanted) {
  document.documentElement.dataset.theme = wanted;
  for (const listener of listeners) listener(wanted);
}

system.addEventListener("change", () => {
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // Then nobody can have chosen.
  }
  if (chosen === null) show(system.matches ? "light" : "dark");
});
