// Round trips of a live stream: from sending the last sample that an output needs to receiving that output.

const KEPT = 250;

export class Delays {
  #sent = []; // {end, at}: all samples below `end` had been sent `at` that time
  #taken = [];

  /** Samples below `end` have been sent now. */
  sent(end, now) {
    this.#sent.push({ end, at: now });
  }

  /** An output has come that needed the samples below `end`. */
  received(end, now) {
    while (this.#sent.length && this.#sent[0].end < end) this.#sent.shift();
    if (!this.#sent.length) return;
    this.#taken.push(now - this.#sent[0].at);
    if (this.#taken.length > KEPT) this.#taken.shift();
  }

  get count() {
    return this.#taken.length;
  }

  /** The delay that this share of the last ones do not exceed, in ms; NaN while there are none. */
  quantile(share) {
    const sorted = Float64Array.from(this.#taken).sort();
    return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : NaN;
  }
}
