// What is drawn over the candles: kept as data, shown by the library's overlays, changed by the pointer.
//
// The data is the truth and the overlays show it. The library reports a deletion also when the page itself removes an
// overlay, changes the stacking order of what the pointer is over, and adds indexes to points that are wrong as soon
// as older bars are loaded; none of that reaches the data.

import { overlayStyles, registerOverlays } from "./overlays.js";
import { onTheme } from "./theme.js";

/**
 * @typedef {import("./merge.js").Drawing} Drawing
 * @typedef {import("./merge.js").Drawings} Drawings
 */

const PANE = "candle_pane";
const MOST_UNDONE = 100;

export class DrawingBoard {
  /** @type {Drawings} */
  drawings = new Map();
  /** @type {string | null} the one that was clicked */
  selected = null;
  /** @type {string | null} the overlay that is being drawn */
  #drawing = null;
  /** @type {Drawings[]} */
  #undone = [];
  /** @type {Drawings[]} */
  #past = [];
  isMagnetic = false;
  isHidden = false;
  isReadOnly = false;

  /**
   * @param {import("klinecharts").Chart} chart
   * @param {{ onChange: () => void, onState: () => void, askText: (before: string) => Promise<string | null> }} listener
   *     `onChange`: something was drawn, moved or deleted here; `onState`: a tool, a switch or the selection is another
   */
  constructor(chart, { onChange, onState, askText }) {
    this.chart = chart;
    this.onChange = onChange;
    this.onState = onState;
    this.askText = askText;
    registerOverlays();
    onTheme(() => this.#redraw());
  }

  /** Show these, which come from elsewhere. @param {Drawings} drawings */
  load(drawings) {
    this.drawings = new Map(drawings);
    this.#past = [];
    this.#undone = [];
    this.#redraw();
  }

  get areLocked() {
    return this.drawings.size > 0 && [...this.drawings.values()].every((one) => one.lock === true);
  }

  /** Begin to draw. @param {string} name */
  draw(name) {
    this.cancel();
    if (this.isReadOnly) return;
    if (this.isHidden) this.toggleHidden();
    const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    this.tool = name;
    this.#drawing = id;
    this.chart.createOverlay(this.#overlay({ id, name }));
    this.onState();
  }

  /** The tool in hand. @type {string | null} */
  tool = null;

  /** Stop drawing, and leave what is half drawn. */
  cancel() {
    const id = this.#drawing;
    this.#drawing = null;
    this.tool = null;
    if (id !== null && !this.drawings.has(id)) this.chart.removeOverlay({ id });
    this.onState();
  }

  /** @param {string} id */
  remove(id) {
    if (!this.drawings.has(id)) return;
    this.#change((drawings) => drawings.delete(id));
  }

  removeAll() {
    this.#change((drawings) => drawings.clear());
  }

  /**
   * @param {string} id
   * @param {Partial<Drawing>} changes
   */
  alter(id, changes) {
    const was = this.drawings.get(id);
    if (was !== undefined) this.#change((drawings) => drawings.set(id, { ...was, ...changes }));
  }

  toggleLocked() {
    const lock = !this.areLocked;
    this.#change((drawings) => {
      for (const [id, { lock: _, ...one }] of drawings) drawings.set(id, lock ? { ...one, lock } : one);
    });
  }

  toggleHidden() {
    this.isHidden = !this.isHidden;
    for (const id of this.drawings.keys()) this.chart.overrideOverlay({ id, visible: !this.isHidden });
    this.onState();
  }

  toggleMagnet() {
    this.isMagnetic = !this.isMagnetic;
    const mode = this.isMagnetic ? "weak_magnet" : "normal";
    for (const { id } of this.chart.getOverlays()) this.chart.overrideOverlay({ id, mode });
    this.onState();
  }

  undo() {
    this.#step(this.#past, this.#undone);
  }

  redo() {
    this.#step(this.#undone, this.#past);
  }

  /**
   * @param {Drawings[]} from
   * @param {Drawings[]} to
   */
  #step(from, to) {
    const wanted = from.pop();
    if (wanted === undefined || this.isReadOnly) return;
    to.push(this.drawings);
    this.drawings = wanted;
    this.#redraw();
    this.onChange();
  }

  /** @param {(drawings: Drawings) => void} how */
  #change(how) {
    if (this.isReadOnly) return;
    this.#record(how);
    this.#redraw();
  }

  /** Change the data, and tell; the overlays are as they shall be. @param {(drawings: Drawings) => void} how */
  #record(how) {
    this.#past.push(this.drawings);
    if (this.#past.length > MOST_UNDONE) this.#past.shift();
    this.#undone = [];
    const drawings = new Map(this.drawings);
    how(drawings);
    this.drawings = drawings;
    this.onChange();
    this.onState();
  }

  #redraw() {
    const selected = this.selected;
    for (const { id } of this.chart.getOverlays()) if (id !== this.#drawing) this.chart.removeOverlay({ id });
    for (const drawing of this.drawings.values()) this.chart.createOverlay(this.#overlay(drawing));
    this.selected = selected !== null && this.drawings.has(selected) ? selected : null;
    this.onState();
  }

  /**
   * What the library is given for a drawing; without points it is one that is about to be drawn.
   * @param {Pick<Drawing, "id" | "name"> & Partial<Drawing>} drawing
   * @returns {import("klinecharts").OverlayCreate<any>}
   */
  #overlay({ id, name, points, lock = false, colour, text }) {
    return {
      id,
      name,
      paneId: PANE,
      lock: lock || (this.isReadOnly && points !== undefined),
      visible: !this.isHidden,
      mode: this.isMagnetic ? "weak_magnet" : "normal",
      styles: overlayStyles(name, colour),
      extendData: text === undefined ? null : { text },
      ...(points === undefined ? {} : { points: points.map((point) => ({ ...point })) }),
      onDrawEnd: ({ overlay }) => void this.#drawn(overlay),
      onPressedMoveEnd: ({ overlay }) => this.#moved(overlay),
      // A click as well: what was deleted and brought back is selected still, as the library sees it.
      onSelected: ({ overlay }) => this.#select(overlay.id),
      onClick: ({ overlay }) => this.#select(overlay.id),
      onDeselected: () => this.#select(null),
      onDoubleClick: ({ overlay }) => void this.editText(overlay.id),
      // The library's answer to a right click is to delete; here it selects.
      onRightClick: (event) => {
        event.preventDefault?.();
        this.#select(event.overlay.id);
      },
    };
  }

  /** @param {import("klinecharts").Overlay} overlay */
  async #drawn(overlay) {
    const { id, name } = overlay;
    this.tool = null;
    const points = pointsOf(overlay);
    if (points.length === 0) {
      this.#drawing = null;
      this.onState();
      return;
    }
    if (name !== "note") {
      this.#drawing = null;
      this.#record((drawings) => drawings.set(id, { id, name, points }));
    } else {
      // It is being drawn until it has words: nothing of it is saved, or shown of another symbol, before that.
      const text = (await this.askText(""))?.trim();
      if (this.#drawing !== id) return;
      if (!text) return this.cancel();
      this.#drawing = null;
      this.#change((drawings) => drawings.set(id, { id, name, points, text }));
    }
    // The library has selected it since the first click, and will not say so again.
    this.#select(id);
  }

  /** Ask for another text of a drawing that has one. @param {string} id */
  async editText(id) {
    const drawing = this.drawings.get(id);
    if (drawing?.name !== "note" || drawing.lock || this.isReadOnly) return;
    const text = (await this.askText(drawing.text ?? ""))?.trim();
    if (text && text !== drawing.text) this.alter(id, { text });
  }

  /** @param {import("klinecharts").Overlay} overlay */
  #moved(overlay) {
    const was = this.drawings.get(overlay.id);
    const points = pointsOf(overlay);
    if (was === undefined || JSON.stringify(points) === JSON.stringify(was.points)) return;
    this.#record((drawings) => drawings.set(overlay.id, { ...was, points }));
  }

  /** @param {string | null} id */
  #select(id) {
    this.selected = id !== null && this.drawings.has(id) ? id : null;
    this.onState();
  }
}

/** @param {import("klinecharts").Overlay} overlay */
function pointsOf({ points }) {
  return points.flatMap(({ timestamp, value }) =>
    timestamp === undefined || value === undefined ? [] : [{ timestamp, value }]);
}
