// In the audio thread: a jitter buffer. It plays pieces of audio as they come, waits until enough is there before
// it begins, waits again (for a little more) when it ran dry, and skips ahead when far too much has gathered.

const GROWTH = 1.25;
const REPORT_BLOCKS = 16;

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions: { startSamples, mostSamples } }) {
    super();
    this.target = startSamples;
    this.most = mostSamples;
    this.pieces = []; // { samples, index }: index counts samples of the source
    this.offset = 0; // within the first piece
    this.buffered = 0;
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
    if (this.buffered > this.most) this.skip(this.buffered - this.target);
  }

  process(_, [[output]]) {
    if (this.isWaiting) this.isWaiting = this.buffered < this.target && !(this.isEnding && this.buffered);
    const index = this.pieces[0] ? this.pieces[0].index + this.offset : null;
    const isPlaying = !this.isWaiting && index !== null;
    if (!this.isWaiting) this.play(output);
    this.blocks += 1;
    if (this.blocks % REPORT_BLOCKS === 0) this.report(isPlaying ? index : null);
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
    if (at === output.length) return;
    this.isWaiting = true;
    if (this.isEnding) return;
    this.counts.underruns += 1;
    this.target = Math.min(Math.round(this.target * GROWTH), this.most / 2);
  }

  skip(count) {
    this.counts.skippedSamples += count;
    while (count) {
      const step = Math.min(count, this.pieces[0].samples.length - this.offset);
      this.advance(step);
      count -= step;
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
    const { buffered, target, counts } = this;
    this.port.postMessage({ frame: currentFrame, index, buffered, target, ...counts });
  }
}

registerProcessor("playback", Playback);
