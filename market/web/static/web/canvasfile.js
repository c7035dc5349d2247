// One canvas on the server: read, saved by itself shortly after each change, and never overwritten unseen.
//
// A save names the version that it is based on. Where somebody else has saved meanwhile, the server refuses it; then
// both changes are merged and saved. What is not on the server yet is also kept in this browser, so that a closed tab
// or a server that is away lose nothing.

import { ApiError, call, json } from "./api.js";
import { areSame, fromCanvas, merged, toCanvas } from "./merge.js";
import { recall, remember } from "./preferences.js";

const SAVE_AFTER_MS = 500;
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 30_000;
/** More merges in a row than this mean that something else is wrong. */
const MOST_MERGES = 5;

/**
 * @typedef {import("./merge.js").Drawings} Drawings
 *
 * `foreign`: another program saved it in a form of its own; it is left alone. `refused`: the server does not take it,
 * and will not the next time.
 * @typedef {object} SaveState
 * @property {"loading" | "saved" | "unsaved" | "saving" | "failed" | "refused" | "foreign"} state
 * @property {string} [problem]
 * @property {number} [retryAt]
 */

export class CanvasFile {
  /** @type {Drawings} what was on the server when it was last read or written */
  #base = new Map();
  /** @type {string | null} its version; null: there is no such canvas */
  #version = null;
  #isLoaded = false;
  #isBusy = false;
  #isLeft = false;
  #isForgotten = false;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {SaveState} */
  state = { state: "loading" };

  /**
   * @param {string} symbol
   * @param {string} name
   * @param {{ onState: () => void, onDrawings: (drawings: Drawings) => void }} listener  `onDrawings` is told what the
   *     canvas holds when that does not come from here
   */
  constructor(symbol, name, { onState, onDrawings }) {
    this.symbol = symbol;
    this.name = name;
    this.onState = onState;
    this.onDrawings = onDrawings;
    /** @type {Drawings} what is drawn here now */
    this.drawings = new Map();
    const left = this.#draft();
    if (left !== null) [this.#base, this.drawings] = [left.base, left.drawings];
  }

  /** Show what was left unsaved here, then what is on the server with it. */
  async open() {
    if (this.drawings.size > 0) this.onDrawings(this.drawings);
    await this.#busy(() => this.#pull());
  }

  /**
   * Something was drawn, moved or deleted here.
   * @param {Drawings} drawings
   */
  change(drawings) {
    this.drawings = new Map(drawings);
    if (this.state.state === "foreign") return;
    remember(this.#draftName, { base: toCanvas(this.#base), drawings: toCanvas(this.drawings) });
    if (this.#isBusy || !this.#isLoaded) return;
    this.#tell({ state: "unsaved" });
    this.#later(SAVE_AFTER_MS);
  }

  /** Read or save now what is due, also what has failed. */
  async flush() {
    clearTimeout(this.#timer);
    if (this.state.state === "foreign") return;
    await this.#busy(() => (this.#isLoaded ? this.#save() : this.#pull()));
  }

  /** See whether somebody else has saved since. Cheap where nobody has. */
  async refresh() {
    if (this.state.state === "saved") await this.#busy(() => this.#pull());
  }

  /** Save what is due, also what only becomes due when the read that is on its way has ended; then do nothing more. */
  async leave() {
    this.#isLeft = true;
    clearTimeout(this.#timer);
    if (this.#isLoaded) await this.#saveLast();
  }

  /** It was deleted: keep nothing of it. */
  forget() {
    this.#isLeft = this.#isForgotten = true;
    clearTimeout(this.#timer);
    remember(this.#draftName, null);
  }

  /**
   * One thing after the other; then say how it went, and save what was drawn meanwhile.
   * @param {() => Promise<void>} work
   */
  async #busy(work) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      await work();
    } catch (error) {
      this.#failed(error);
      return;
    } finally {
      this.#isBusy = false;
    }
    this.#settle();
  }

  /** What was drawn here and is not on the server. */
  get #isDirty() {
    return !areSame(this.#base, this.drawings);
  }

  get #draftName() {
    return `draft.${this.symbol}.${this.name}`;
  }

  get #query() {
    return { symbol: this.symbol, name: this.name };
  }

  /** Take over what is on the server, together with what has changed here. */
  async #pull() {
    const was = this.#base;
    const theirs = await this.#read();
    if (theirs === null) return;
    this.#base = theirs;
    const both = merged(was, this.drawings, theirs);
    if (areSame(both, this.drawings)) return;
    this.drawings = both;
    if (!this.#isLeft) this.onDrawings(both);
  }

  /** What is on the server; null where it is not ours to show. Sets the version. */
  async #read() {
    const answer = await this.#load();
    this.#isLoaded = true;
    if (answer === null) {
      this.#version = null;
      return new Map();
    }
    if (answer.status === 304) return this.#base;
    const found = fromCanvas(await answer.json().catch(() => null));
    if (found === null) this.#tell({ state: "foreign", problem: "another program saved this canvas; it is left as it is" });
    else this.#version = answer.headers.get("ETag");
    return found;
  }

  /** The canvas, unless the version that is held is still the newest; null where there is none. */
  async #load() {
    if (this.#version === null) {
      // Most symbols have none. To look for it in the list is no error; to load it would be one.
      const { canvases } = await json("/canvas/list", { query: { symbol: this.symbol } });
      if (!canvases.includes(this.name)) return null;
    }
    /** @type {Record<string, string>} */
    const headers = this.#version === null ? {} : { "If-None-Match": this.#version };
    try {
      return await call("/canvas/load", { query: this.#query, headers });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  async #save() {
    for (let merges = 0; this.#isDirty && !this.#isForgotten && this.state.state !== "foreign"; merges++) {
      this.#tell({ state: "saving" });
      const sent = new Map(this.drawings);
      try {
        this.#version = await this.#write(sent);
        this.#base = sent;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 412 || merges >= MOST_MERGES) throw error;
        await this.#pull();
      }
    }
  }

  /** @param {Drawings} drawings */
  async #write(drawings) {
    const body = JSON.stringify({ ...this.#query, data: toCanvas(drawings) });
    /** @type {Record<string, string>} */
    const condition = this.#version === null ? { "If-None-Match": "*" } : { "If-Match": this.#version };
    const answer = await call("/canvas/save", {
      method: "POST",
      body,
      headers: { "Content-Type": "application/json", ...condition },
      // Finished also where the page is left meanwhile; browsers allow that for small bodies.
      keepalive: body.length < 60_000,
    });
    return answer.headers.get("ETag");
  }

  #settle() {
    this.#failures = 0;
    if (this.state.state === "foreign") return;
    if (!this.#isDirty) {
      remember(this.#draftName, null);
      this.#tell({ state: "saved" });
    } else if (this.#isLeft) {
      void this.#saveLast();
    } else {
      this.#tell({ state: "unsaved" });
      this.#later(SAVE_AFTER_MS);
    }
  }

  async #saveLast() {
    if (!this.#isForgotten && this.#isDirty && this.state.state !== "foreign") await this.#busy(() => this.#save());
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof ApiError)) throw error;
    if (!error.isPassing && error.status !== 412) {
      this.#tell({ state: "refused", problem: error.message });
      return;
    }
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    const wait = Math.max(pause, (error.retryAfter ?? 0) * 1_000);
    this.#tell({ state: "failed", problem: error.message, retryAt: Date.now() + wait });
    if (!this.#isLeft) this.#later(wait);
  }

  /** @returns {{ base: Drawings, drawings: Drawings } | null} */
  #draft() {
    const draft = recall(this.#draftName, /** @type {any} */ (null));
    const base = fromCanvas(draft?.base);
    const drawings = fromCanvas(draft?.drawings);
    return base === null || drawings === null ? null : { base, drawings };
  }

  /** @param {number} wait */
  #later(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), wait);
  }

  /** @param {SaveState} state */
  #tell(state) {
    this.state = state;
    if (!this.#isLeft) this.onState();
  }
}
