// Drawings as data: what one is, and how two people's changes to the same canvas become one.

/**
 * @typedef {object} Drawing
 * @property {string} id
 * @property {string} name     of the overlay at the chart library
 * @property {{ timestamp: number, value: number }[]} points
 * @property {boolean} [lock]
 * @property {string} [colour] of its lines; the theme's, without it
 * @property {string} [text]
 *
 * @typedef {Map<string, Drawing>} Drawings  by id, in the order in which they were drawn
 */

/** What a saved canvas says of itself, so that another program's is not taken for ours. */
const FORMAT = "klineproject.drawings/1";

/**
 * A canvas as it is saved.
 * @param {Drawings} drawings
 */
export function toCanvas(drawings) {
  return { format: FORMAT, drawings: [...drawings.values()] };
}

/**
 * The drawings of a saved canvas; null if it is not one of ours. What is not a drawing in it is left out.
 * @param {any} canvas
 * @returns {Drawings | null}
 */
export function fromCanvas(canvas) {
  if (canvas?.format !== FORMAT || !Array.isArray(canvas.drawings)) return null;
  return new Map(canvas.drawings.filter(isDrawing).map((/** @type {Drawing} */ one) => [one.id, one]));
}

/**
 * Both changes to what once was the same. What only one side has changed (drawn, moved, deleted) is as that side left
 * it. What both have changed stays twice, for nobody can say which is meant; a change outlives a deletion.
 * @param {Drawings} base    what both began with
 * @param {Drawings} mine
 * @param {Drawings} theirs
 * @returns {Drawings}
 */
export function merged(base, mine, theirs) {
  /** @type {Drawings} */
  const result = new Map();
  for (const id of new Set([...theirs.keys(), ...mine.keys()])) {
    const [was, own, other] = [base.get(id), mine.get(id), theirs.get(id)];
    const ownChanged = !isSame(was, own);
    const otherChanged = !isSame(was, other);
    const wanted = ownChanged ? own ?? (otherChanged ? other : undefined) : other;
    if (wanted !== undefined) result.set(id, wanted);
    if (ownChanged && otherChanged && own !== undefined && other !== undefined && !isSame(own, other)) {
      const copy = `${id}~${hash(JSON.stringify(other))}`;
      result.set(copy, { ...other, id: copy });
    }
  }
  return result;
}

/**
 * @param {Drawings} one
 * @param {Drawings} other
 */
export function areSame(one, other) {
  return one.size === other.size && [...one].every(([id, drawing]) => isSame(drawing, other.get(id)));
}

/**
 * @param {Drawing | undefined} one
 * @param {Drawing | undefined} other
 */
function isSame(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** @param {any} one */
function isDrawing(one) {
  return typeof one?.id === "string" && typeof one.name === "string" && Array.isArray(one.points) && one.points.length > 0
    && one.points.every((/** @type {any} */ point) => Number.isFinite(point?.timestamp) && Number.isFinite(point?.value));
}

/**
 * A short name for a text, the same each time: two pages that merge the same must get the same.
 * @param {string} text
 */
function hash(text) {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (sum * 31 + text.charCodeAt(i)) >>> 0;
  return sum.toString(36);
}
