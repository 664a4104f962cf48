// Records the microphone until told to stop, or for a minute.

import { captureNode, microphoneNode, openContext } from "./audio_graph.js";
import { closeMicrophone, openMicrophone } from "./microphone.js";

const MOST_SECONDS = 60;
const BLOCK_SECONDS = 0.05;

export class Recorder {
  #blocks = [];
  #close = null;

  get recording() {
    return this.#close !== null;
  }

  /** Begin; `heard(seconds, peak)` is called often, `full()` when the time is up. Raises an error in words. */
  async start(sampleRate, heard, full) {
    const stream = await openMicrophone();
    try {
      await this.#listen(stream, sampleRate, heard, full);
    } catch (error) {
      closeMicrophone(stream);
      throw error;
    }
  }

  async #listen(stream, sampleRate, heard, full) {
    const context = await openContext(sampleRate);
    this.#blocks = [];
    const capture = captureNode(context, Math.round(BLOCK_SECONDS * sampleRate), ({ samples }) => {
      this.#blocks.push(samples);
      const seconds = this.#blocks.length * BLOCK_SECONDS;
      heard(seconds, Math.max(...samples.map(Math.abs)));
      if (seconds >= MOST_SECONDS && this.recording) full();
    });
    microphoneNode(context, stream).connect(capture);
    this.#close = () => {
      closeMicrophone(stream);
      return context.close();
    };
  }

  /** End; what was recorded, as samples. */
  async stop() {
    const close = this.#close;
    this.#close = null;
    await close();
    const total = this.#blocks.reduce((sum, block) => sum + block.length, 0);
    const samples = new Float32Array(total);
    let at = 0;
    for (const block of this.#blocks) {
      samples.set(block, at);
      at += block.length;
    }
    return samples;
  }
}
