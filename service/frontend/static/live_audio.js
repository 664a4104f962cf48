// The audio of a live stream: a source, cut into messages, and a jitter buffer for what comes back.

import { captureNode, microphoneNode, openContext } from "./audio_graph.js";
import { closeMicrophone } from "./microphone.js";

/** One message holds so much audio. */
export const MESSAGE_SECONDS = 0.08;
// For messages that come late; the jitter buffer takes more if that is not enough.
const MARGIN_SECONDS = 0.03;
const MOST_SECONDS = 0.5;

export class LiveAudio {
  #context;
  #playback;
  #volume;
  #source = null;
  #stream = null;
  #samples = null;
  #capture = null;
  #firstFrame = null;
  #captured = 0;

  /** Open a context for a source: a stream of the microphone or `samples`, played over and over.
   *  `report` is called about ten times a second with what the jitter buffer says. */
  static async open(sampleRate, { stream = null, samples = null }, report) {
    const audio = new LiveAudio();
    audio.#stream = stream;
    audio.#samples = samples;
    const context = await openContext(sampleRate).catch((error) => {
      if (stream) closeMicrophone(stream);
      throw error;
    });
    const [messageSamples, marginSamples, mostSamples] = [MESSAGE_SECONDS, MARGIN_SECONDS, MOST_SECONDS].map(
      (length) => Math.round(length * sampleRate),
    );
    const processorOptions = { messageSamples, marginSamples, mostSamples };
    audio.#context = context;
    audio.#playback = new AudioWorkletNode(context, "playback", { outputChannelCount: [1], processorOptions });
    audio.#playback.port.onmessage = ({ data }) => report(audio.#told(data));
    audio.#volume = new GainNode(context);
    audio.#playback.connect(audio.#volume).connect(context.destination);
    return audio;
  }

  /** Let the source sound; `take(samples, index)` gets it message by message. */
  start(take) {
    const context = this.#context;
    this.#source = this.#stream ? microphoneNode(context, this.#stream) : this.#clipNode();
    const block = Math.round(MESSAGE_SECONDS * context.sampleRate);
    this.#capture = captureNode(context, block, (data) => {
      this.#firstFrame ??= data.frame;
      take(data.samples, this.#captured);
      this.#captured += data.samples.length;
    });
    this.#source.connect(this.#capture);
  }

  #clipNode() {
    const buffer = new AudioBuffer({ length: this.#samples.length, sampleRate: this.#context.sampleRate });
    buffer.copyToChannel(this.#samples, 0);
    const node = new AudioBufferSourceNode(this.#context, { buffer, loop: true });
    node.start();
    return node;
  }

  /** Play samples, of which the first is number `index` of the source. */
  play(samples, index) {
    this.#playback.port.postMessage({ samples, index }, [samples.buffer]);
  }

  set audible(on) {
    this.#volume.gain.setTargetAtTime(Number(on), this.#context.currentTime, 0.01);
  }

  /** Stop taking sound; what was received is still played. */
  stop() {
    this.#source?.disconnect();
    this.#capture?.disconnect();
    if (this.#capture) this.#capture.port.onmessage = null;
    if (this.#stream) closeMicrophone(this.#stream);
    this.#playback.port.postMessage({ end: true });
  }

  /** Let go of everything. */
  close() {
    if (this.#stream) closeMicrophone(this.#stream);
    return this.#context.state === "closed" ? undefined : this.#context.close();
  }

  /** The jitter buffer's report in ms; `delayMs` is how long the sample that plays now is on its way. */
  #told({ frame, index, buffered, underruns, skippedSamples }) {
    const ms = (samples) => (1000 * samples) / this.#context.sampleRate;
    const isKnown = index !== null && this.#firstFrame !== null;
    return {
      delayMs: isKnown ? ms(frame - this.#firstFrame - index) : NaN,
      bufferedMs: ms(buffered),
      skippedMs: ms(skippedSamples),
      deviceMs: 1000 * (this.#context.outputLatency || this.#context.baseLatency || 0),
      underruns,
    };
  }
}
