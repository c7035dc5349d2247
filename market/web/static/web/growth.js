// History that arrives while the chart is open: the bars that were not there when it was loaded.

/** The stream adds a minute in a minute; more than so many between two looks are history. */
const LIVE_MINUTES = 10;
/** So few bars are loaded again at once: something is seen to happen. */
const FEW_BARS = 500;

export class Growth {
  #symbol = "";
  /** @type {number | null} minutes stored, when it was looked the last time */
  #rows = null;
  #isDue = false;

  /** @param {import("./feed.js").Feed} feed */
  constructor(feed) {
    this.feed = feed;
  }

  /**
   * What the status says of the symbol that is shown.
   * @param {string} symbol
   * @param {import("./api.js").Progress | undefined} progress
   */
  see(symbol, progress) {
    if (symbol !== this.#symbol) {
      this.#symbol = symbol;
      this.#rows = null;
      this.#isDue = false;
    }
    if (progress === undefined) return;
    const grown = this.#rows === null ? 0 : progress.rows - this.#rows;
    this.#rows = progress.rows;
    const isGrowing = grown > LIVE_MINUTES;
    this.#isDue ||= isGrowing || (this.feed.state.state === "empty" && progress.rows > 0);
    // Older bars that come later are of use at once where the chart has come to its end; in the middle they are of use
    // when there are no more of them.
    if (this.#isDue && (!isGrowing || this.feed.isExhausted || this.feed.bars.length < FEW_BARS)) {
      this.#isDue = false;
      this.feed.reload();
    }
  }
}
