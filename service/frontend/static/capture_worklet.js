// In the audio thread: gathers the first channel of its input into blocks of equal length.

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.block = new Float32Array(processorOptions.blockSamples);
    this.filled = 0;
    this.firstFrame = 0;
  }

  process([input]) {
    // A source that has ended, or not begun, counts as silence.
    const samples = input[0] ?? new Float32Array(128);
    let at = 0;
    while (at < samples.length) {
      if (this.filled === 0) this.firstFrame = currentFrame + at;
      const count = Math.min(this.block.length - this.filled, samples.length - at);
      this.block.set(samples.subarray(at, at + count), this.filled);
      this.filled += count;
      at += count;
      if (this.filled === this.block.length) this.send();
    }
    return true;
  }

  send() {
    const samples = this.block;
    this.block = new Float32Array(samples.length);
    this.filled = 0;
    this.port.postMessage({ samples, frame: this.firstFrame }, [samples.buffer]);
  }
}

registerProcessor("capture", Capture);
