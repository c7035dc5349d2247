// What the keyboard does, wherever no field or dialog has it.

import { INTERVALS } from "./intervals.js";

const BARS_A_STEP = 10;

/** @param {import("./app.js").Page} page */
export function listenToKeys(page) {
  addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.altKey || target.closest("input, textarea, select, [popover]")) return;
    // Not by the target: where the button that had the keyboard is gone, the key goes to the body behind the dialog.
    if (document.querySelector("dialog[open]") !== null) return;
    // Enter and space are a button's own.
    const action = event.ctrlKey || event.metaKey ? withControl(page, event) : alone(page, event.key);
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}

/**
 * @param {import("./app.js").Page} page
 * @param {KeyboardEvent} event
 * @returns {(() => void) | undefined}
 */
function withControl({ board }, event) {
  const key = event.key.toLowerCase();
  if (key === "z") return event.shiftKey ? () => board.redo() : () => board.undo();
  return key === "y" ? () => board.redo() : undefined;
}

/**
 * @param {import("./app.js").Page} page
 * @param {string} key
 * @returns {(() => void) | undefined}
 */
function alone(page, key) {
  const { board, chart } = page;
  const step = chart.getBarSpace().bar * BARS_A_STEP;
  const remove = () => board.selected && board.remove(board.selected);
  /** @type {Record<string, () => void>} */
  const actions = {
    "/": () => page.search.open(),
    d: () => page.toolbar.toggle(),
    f: () => page.controls.toggleFullScreen(),
    w: () => page.watchList.toggle(),
    Escape: () => board.cancel(),
    Delete: remove,
    Backspace: remove,
    ArrowLeft: () => chart.scrollByDistance(step),
    ArrowRight: () => chart.scrollByDistance(-step),
    End: () => chart.scrollToRealTime(200),
    "+": () => chart.zoomAtCoordinate(1.2),
    "-": () => chart.zoomAtCoordinate(0.8),
  };
  const interval = INTERVALS[Number(key) - 1];
  return actions[key] ?? (interval && (() => page.show({ interval: interval.name })));
}
