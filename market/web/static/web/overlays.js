// The drawing tools: the library's own, and a text, which it lacks.

import { colour } from "./theme.js";

/**
 * @typedef {object} Tool
 * @property {string} overlay  its name at the library
 * @property {string} title
 * @property {string} icon
 */

/** @type {readonly Tool[]} */
export const TOOLS = [
  { overlay: "segment", title: "Trend line", icon: "trend" },
  { overlay: "rayLine", title: "Ray", icon: "ray" },
  { overlay: "horizontalStraightLine", title: "Horizontal line", icon: "horizontal" },
  { overlay: "verticalStraightLine", title: "Vertical line", icon: "vertical" },
  { overlay: "parallelStraightLine", title: "Channel", icon: "channel" },
  { overlay: "fibonacciLine", title: "Fibonacci retracement", icon: "fib" },
  { overlay: "brush", title: "Brush", icon: "brush" },
  { overlay: "note", title: "Text", icon: "text" },
];

/** For lines and texts; they are seen on both grounds. */
export const COLOURS = ["#2f7fe6", "#e0484f", "#109b80", "#d1831a", "#9a4fd6", "#7c8898"];

/** Make ours known to the library; once. */
export function registerOverlays() {
  klinecharts.registerOverlay({
    name: "note",
    totalStep: 2,
    needDefaultPointFigure: false,
    createPointFigures: ({ overlay, coordinates }) => {
      const text = /** @type {any} */ (overlay.extendData)?.text || "Text";
      return [
        { type: "circle", attrs: { ...coordinates[0], r: 3 } },
        { type: "text", attrs: { x: coordinates[0].x + 6, y: coordinates[0].y, text, baseline: "middle" } },
      ];
    },
  });
}

/**
 * The library's styles for a drawing of this colour (the theme's, without one).
 * @param {string} name      of the overlay
 * @param {string} [chosen]  `#rrggbb`
 * @returns {import("klinecharts").DeepPartial<import("klinecharts").OverlayStyle>}
 */
export function overlayStyles(name, chosen) {
  const line = chosen ?? colour("accent");
  const veil = `${line}26`;
  // Seven filled labels would hide the candles that they are about.
  const label = name === "fibonacciLine" ? { color: line, backgroundColor: `${colour("ground")}cc` } : { backgroundColor: line };
  return {
    line: { color: line, size: 1.5 },
    polygon: { color: veil, borderColor: line },
    rect: { color: veil, borderColor: line },
    circle: { color: line, borderColor: line },
    point: { borderColor: line, activeBorderColor: line },
    text: { borderColor: "transparent", ...label },
  };
}
