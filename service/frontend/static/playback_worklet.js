// In the audio thread: a jitter buffer. It plays pieces of audio as they come. It begins when there is a message
// and a margin; when it runs dry it waits for as much again, and takes a larger margin. What gathers beyond the
// margin is left out where it is quiet, so that the delay goes back after a disturbance.

const GROWTH = 1.5;
const MOST_MARGINS = 6;
const REPORT_BLOCKS = 16;
const WATCH_BLOCKS = 250;
const QUIET = 0.01;

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions: { messageSamples, marginSamples, mostSamples } }) {
    super();
    this.message = messageSamples;
    this.margin = marginSamples;
    this.mostMargin = MOST_MARGINS * marginSamples;
    this.most = mostSamples;
    this.pieces = []; // { samples, index }: index counts samples of the source
    this.offset = 0; // within the first piece
    this.buffered = 0;
    this.lowest = Infinity;
    this.surplus = 0;
    this.isWaiting = true;
    this.isEnding = false;
    this.counts = { underruns: 0, skippedSamples: 0 };
    this.blocks = 0;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take(data) {
    this.isEnding = Boolean(data.end);
    if (!data.samples) return;
    this.pieces.push(data);
    this.buffered += data.samples.length;
    if (this.buffered > this.most) this.skip(this.buffered - this.message - this.margin);
  }

  process(_, [[output]]) {
    const isEnough = this.buffered >= this.message + this.margin || (this.isEnding && this.buffered > 0);
    this.isWaiting &&= !isEnough;
    const index = this.isWaiting || !this.pieces[0] ? null : this.pieces[0].index + this.offset;
    if (!this.isWaiting) this.play(output);
    this.blocks += 1;
    if (this.blocks % REPORT_BLOCKS === 0) this.report(index);
    if (this.blocks % WATCH_BLOCKS === 0) this.watch();
    return true;
  }

  play(output) {
    let at = 0;
    while (at < output.length && this.pieces.length) {
      const { samples } = this.pieces[0];
      const count = Math.min(output.length - at, samples.length - this.offset);
      output.set(samples.subarray(this.offset, this.offset + count), at);
      at += count;
      this.advance(count);
    }
    if (at < output.length) this.ranDry();
    else if (this.surplus >= output.length && output.every((value) => Math.abs(value) < QUIET)) {
      this.surplus -= output.length;
      this.skip(output.length);
    }
    this.lowest = Math.min(this.lowest, this.buffered);
  }

  ranDry() {
    this.isWaiting = true;
    this.surplus = 0;
    if (this.isEnding) return;
    this.counts.underruns += 1;
    this.margin = Math.min(Math.round(this.margin * GROWTH), this.mostMargin);
  }

  /** What was there all the time beyond the margin is too much. */
  watch() {
    this.surplus = Number.isFinite(this.lowest) ? Math.max(0, this.lowest - this.margin) : 0;
    this.lowest = Infinity;
  }

  skip(count) {
    const wanted = Math.min(count, this.buffered);
    this.counts.skippedSamples += wanted;
    for (let left = wanted; left > 0; ) {
      const step = Math.min(left, this.pieces[0].samples.length - this.offset);
      this.advance(step);
      left -= step;
    }
  }

  advance(count) {
    this.offset += count;
    this.buffered -= count;
    if (this.offset < this.pieces[0].samples.length) return;
    this.pieces.shift();
    this.offset = 0;
  }

  report(index) {
    this.port.postMessage({ frame: currentFrame, index, buffered: this.buffered, ...this.counts });
  }
}

registerProcessor("playback", Playback);
