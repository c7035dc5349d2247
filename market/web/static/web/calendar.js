// A calendar of days: a row for each month, a cell for each day, moved through with the arrow keys.

import { make } from "./dom.js";

/**
 * @typedef {object} Day
 * @property {string} day  YYYY-MM-DD
 * @property {string} state
 * @property {number} rows
 * @property {number} expected
 * @property {number} conflicts
 * @property {boolean} is_settled
 * @property {Record<string, number>} sources
 * @property {number | null} file
 * @property {string} note
 */

const LONGEST_MONTH = 31;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** @type {Record<string, [number, number]>} columns and rows */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Calendar {
  /** @type {Map<string, HTMLElement>} */
  #cells = new Map();
  /** @type {string | null} */
  #chosen = null;

  /**
   * @param {HTMLElement} frame
   * @param {(day: string) => void} onChoose
   */
  constructor(frame, onChoose) {
    this.frame = frame;
    this.onChoose = onChoose;
    frame.addEventListener("pointerover", (event) => this.#at(event.target));
    frame.addEventListener("focusin", (event) => this.#at(event.target));
    frame.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * Draw these days, oldest first; the months stand with the newest on top.
   * @param {Day[]} days
   * @param {(day: Day) => string} tell  what a screen reader says of a day
   */
  show(days, tell) {
    const hadFocus = this.frame.contains(document.activeElement);
    this.#cells.clear();
    /** @type {Map<string, Map<number, HTMLElement>>} */
    const months = new Map();
    for (const day of days) {
      const cell = make("td", {
        role: "gridcell",
        tabindex: -1,
        "data-state": day.state,
        "data-day": day.day,
        "aria-label": tell(day),
      });
      this.#cells.set(day.day, cell);
      const month = day.day.slice(0, 7);
      if (!months.has(month)) months.set(month, new Map());
      months.get(month)?.set(Number(day.day.slice(8)), cell);
    }
    const heads = Array.from({ length: LONGEST_MONTH }, (_, index) => make("th", { scope: "col" }, String(index + 1)));
    const rows = [...months].reverse().map(([month, cells]) => this.#row(month, cells));
    const corner = make("th", { scope: "row" }, make("span", { class: "for-readers" }, "Month"));
    this.frame.replaceChildren(
      make(
        "table",
        { class: "calendar", role: "grid", "aria-labelledby": "calendar-title" },
        make("thead", {}, make("tr", {}, corner, ...heads)),
        make("tbody", {}, ...rows),
      ),
    );
    const last = days.at(-1)?.day ?? null;
    this.#mark(this.#chosen !== null && this.#cells.has(this.#chosen) ? this.#chosen : last);
    if (hadFocus) this.#cell()?.focus();
  }

  /** No day is chosen any more: another symbol's are shown. */
  forget() {
    this.#chosen = null;
  }

  /**
   * @param {string} month  YYYY-MM
   * @param {Map<number, HTMLElement>} cells
   */
  #row(month, cells) {
    const title = `${MONTHS[Number(month.slice(5)) - 1]} ${month.slice(0, 4)}`;
    const days = Array.from({ length: LONGEST_MONTH }, (_, index) => cells.get(index + 1) ?? make("td"));
    return make("tr", {}, make("th", { scope: "row" }, title), ...days);
  }

  #cell() {
    return this.#chosen === null ? undefined : this.#cells.get(this.#chosen);
  }

  /** @param {EventTarget | null} target */
  #at(target) {
    const day = target instanceof HTMLElement ? target.dataset.day : undefined;
    if (day === undefined || day === this.#chosen) return;
    this.#mark(day);
    this.onChoose(day);
  }

  /** @param {string | null} day */
  #mark(day) {
    const before = this.#cell();
    before?.setAttribute("tabindex", "-1");
    before?.removeAttribute("aria-selected");
    this.#chosen = day;
    const now = this.#cell();
    now?.setAttribute("tabindex", "0");
    now?.setAttribute("aria-selected", "true");
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = STEPS[event.key];
    const cell = this.#cell();
    if (step === undefined || cell === undefined) return;
    event.preventDefault();
    const row = /** @type {HTMLTableRowElement} */ (cell.parentElement);
    const table = /** @type {HTMLTableElement} */ (row.closest("table"));
    const column = Array.prototype.indexOf.call(row.cells, cell) + step[0];
    const next = table.rows[row.rowIndex + step[1]]?.cells[column];
    if (next?.dataset.day !== undefined) next.focus();
  }
}
