// Questions to the one who looks: a text, or a yes. Never the browser's own boxes, which stop the chart.

import { byId, say } from "./dom.js";

/** Take a question back that is open: its answer is no. */
export function takeBack() {
  /** @type {HTMLDialogElement} */ (byId("ask")).close();
}

/**
 * Ask, and wait for the answer.
 * @param {object} question
 * @param {string} question.title
 * @param {string} [question.detail]
 * @param {string} [question.value]  there: a text is asked for, and this is what it is so far
 * @param {string} question.yes      what the button says
 * @param {boolean} [question.isDangerous]
 * @returns {Promise<string | null>}  the text (empty where none was asked for); null: the answer is no
 */
export function ask({ title, detail = "", value, yes, isDangerous = false }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("ask"));
  const input = /** @type {HTMLInputElement} */ (byId("ask-text"));
  const button = byId("ask-yes");
  say(byId("ask-title"), title);
  say(byId("ask-detail"), detail);
  byId("ask-detail").hidden = detail === "";
  say(button, yes);
  button.classList.toggle("danger", isDangerous);
  button.classList.toggle("main", !isDangerous);
  input.hidden = value === undefined;
  input.value = value ?? "";
  dialog.returnValue = "";
  byId("ask-no").onclick = () => dialog.close();
  dialog.showModal();
  if (value === undefined) button.focus();
  else input.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? input.value : null), { once: true });
  });
}
