// Short messages in the corner, for what went wrong outside of any dialog.

import { byId, icon, make } from "./dom.js";

const SHOWN_MS = 8_000;

/**
 * Show a message for a while. The same text is not shown twice at once.
 * @param {string} text
 * @param {{ bad?: boolean }} [options]
 */
export function notice(text, { bad = true } = {}) {
  const holder = byId("notices");
  if ([...holder.children].some((shown) => shown.firstChild?.textContent === text)) return;
  const box = make(
    "div",
    { class: bad ? "bad" : null },
    make("p", {}, text),
    make("button", { type: "button", "aria-label": "Dismiss", onclick: () => box.remove() }, icon("close")),
  );
  holder.append(box);
  setTimeout(() => box.remove(), SHOWN_MS);
}
