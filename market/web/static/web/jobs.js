// The long pieces of work on a symbol: asking for one, and following it.

import { ApiError, call, data } from "./api.js";
import { byId, make, say } from "./dom.js";

const WHILE_OPEN_MS = 1_500;
const OTHERWISE_MS = 15_000;
/** @type {Record<string, string>} */
const KINDS = { load: "Load", repair: "Repair", verify: "Verify", correct: "Verify and correct" };
/** @type {Record<string, string>} */
const STATES = {
  waiting: "waits for a worker",
  running: "at work",
  done: "done",
  findings: "done, with findings",
  failed: "failed",
  withdrawn: "withdrawn",
};

export class Jobs {
  #symbol = "";
  #mayWrite = false;
  #isOpen = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} onEnd  a job has ended: what is stored may be different */
  constructor(onEnd) {
    this.onEnd = onEnd;
    for (const kind of ["repair", "verify"]) byId(kind).addEventListener("click", () => this.#wish(kind));
  }

  /** @param {boolean} mayWrite */
  allow(mayWrite) {
    this.#mayWrite = mayWrite;
    byId("may-not").hidden = mayWrite;
    this.#buttons();
  }

  /** @param {string} symbol */
  follow(symbol) {
    this.#symbol = symbol;
    this.#isOpen = false;
    byId("jobs").replaceChildren();
    void this.#look();
  }

  async #look() {
    clearTimeout(this.#timer);
    const symbol = this.#symbol;
    try {
      const jobs = await data("/api/jobs", { query: { symbol } });
      if (symbol !== this.#symbol) return;
      const wasOpen = this.#isOpen;
      this.#isOpen = jobs.some((/** @type {any} */ job) => job.is_open);
      byId("jobs").replaceChildren(...jobs.slice(0, 5).map(item));
      if (wasOpen && !this.#isOpen) this.onEnd();
    } catch (error) {
      // The next look tells more; what was shown stays.
      if (!(error instanceof ApiError)) throw error;
    }
    if (symbol !== this.#symbol) return;
    this.#buttons();
    this.#timer = setTimeout(() => void this.#look(), this.#isOpen ? WHILE_OPEN_MS : OTHERWISE_MS);
  }

  #buttons() {
    for (const kind of ["repair", "verify"]) {
      /** @type {HTMLButtonElement} */ (byId(kind)).disabled = !this.#mayWrite || this.#isOpen;
    }
  }

  /** @param {string} kind */
  async #wish(kind) {
    const body = JSON.stringify({ symbol: this.#symbol, kind });
    // Until the look below says more: a second click would ask for a second one.
    this.#isOpen = true;
    this.#buttons();
    try {
      await call("/api/jobs", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      byId("problem").hidden = true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      byId("problem").hidden = false;
      say(byId("problem"), error.message);
    }
    void this.#look();
  }
}

/** @param {any} job */
function item(job) {
  const when = new Date(job.ended_at ?? job.started_at ?? job.wished_at);
  const head = make(
    "div",
    { class: "head" },
    make("strong", {}, KINDS[job.kind] ?? job.kind),
    make("span", { class: "badge" }, STATES[job.state] ?? job.state),
    make("span", { class: "quiet" }, `${when.toLocaleString()} · ${job.wished_by}`),
  );
  const bar = job.is_open
    ? make("progress", {
        "aria-label": `${KINDS[job.kind] ?? job.kind}: progress`,
        max: job.steps || 1,
        value: job.steps > 0 ? job.steps_done : null,
      })
    : null;
  return make("li", {}, head, bar, make("div", { class: "text number" }, job.text));
}
