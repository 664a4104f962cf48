// One live stream over a WebSocket, as docs/streaming.md describes it: audio in, the codec's audio and tokens out.
// Samples are numbered as the source counts them, whatever the stream calls them after flushes.

import { Delays } from "./live_delays.js";
import { Refusal } from "./service.js";
import { toPcm16 } from "./wav.js";

const TOKENS = 1;
const HEADER_BYTES = 12;
// Audio from while no stream is open is kept for so long; what is older is not worth hearing.
const MOST_WAITING = 25;

export class LiveSession {
  #service;
  #model;
  #handlers;
  #socket = null;
  #waiting = [];
  #isOpen = false;
  #isFinished = false;
  #sentSamples = 0;
  #segmentBegan = 0; // in samples of this stream
  #flushes = [];
  #error = null;
  #summary = null;

  /** `handlers`: `opened(facts)`, `audio(samples, index)`, `tokens(codes, nQ, index)`, `flushed(id)`,
   *  `goAway(message)`, `ended({summary, error})`, each called when that happens. */
  constructor(service, model, nQ, handlers, delays = new Delays()) {
    this.#service = service;
    this.#model = model;
    this.nQ = nQ;
    this.#handlers = handlers;
    this.delays = delays;
    this.begin = null;
  }

  /** Open the stream; what was given before goes out once it is. */
  connect() {
    if (this.#isFinished) {
      this.#handlers.ended({ summary: null, error: null });
      return;
    }
    this.#socket = this.#service.stream();
    const { model } = this.#model;
    this.#socket.onopen = () =>
      this.#say({ type: "open", operation: "reconstruct", model, n_q: this.nQ, format: "s16le", tokens: true });
    this.#socket.onmessage = ({ data }) => (typeof data === "string" ? this.#heard(JSON.parse(data)) : this.#got(data));
    this.#socket.onclose = ({ code }) => this.#closed(code);
  }

  /** Give samples, of which the first is number `index` of the source. */
  send(samples, index) {
    if (this.#isFinished) return;
    this.#waiting.push({ samples, index });
    if (this.#isOpen) this.#sendWaiting();
    else if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  /** Use another number of codebooks from the next samples on. */
  rate(nQ) {
    this.nQ = nQ;
    if (this.#isOpen && !this.#isFinished) this.#say({ type: "rate", n_q: nQ });
  }

  /** End a segment: what is still inside comes out, and the codec begins afresh. */
  flush() {
    if (!this.#isOpen || this.#isFinished) return;
    this.#flushes.push(this.#sentSamples);
    this.#say({ type: "flush", id: this.#flushes.length });
  }

  /** Say that no more will come; the rest comes out, then `ended`. */
  finish() {
    if (this.#isOpen && !this.#isFinished) this.#say({ type: "finish" });
    else if (!this.#isOpen) this.#socket?.close();
    this.#isFinished = true;
  }

  #say(words) {
    this.#socket.send(JSON.stringify(words));
  }

  #sendWaiting() {
    for (const { samples, index } of this.#waiting) {
      this.begin ??= index;
      this.#socket.send(toPcm16(samples));
      this.#sentSamples += samples.length;
      this.delays.sent(this.#sentSamples, performance.now());
    }
    this.#waiting = [];
  }

  #heard(words) {
    if (words.type === "opened") {
      this.#isOpen = true;
      this.#handlers.opened(words);
      this.#sendWaiting();
    } else if (words.type === "flushed") {
      this.#segmentBegan = this.#flushes[words.id - 1];
      this.#handlers.flushed(words.id);
    } else if (words.type === "go_away") this.#handlers.goAway(words);
    else if (words.type === "summary") this.#summary = words;
    else if (words.type === "error") this.#error = words;
  }

  #got(message) {
    const header = new DataView(message);
    const first = Number(header.getBigUint64(4, true));
    const nQ = header.getUint16(2, true);
    if (header.getUint16(0, true) === TOKENS) {
      const index = this.begin + this.#segmentBegan + first * this.#model.hop_samples;
      this.#handlers.tokens(new Uint16Array(message, HEADER_BYTES), nQ, index);
      return;
    }
    const pcm = new Int16Array(message, HEADER_BYTES);
    const end = this.#segmentBegan + first + pcm.length;
    // The last samples of a segment come of a flush, and need no input behind them.
    this.delays.received(Math.min(end + this.#model.delay_samples, this.#sentSamples), performance.now());
    this.#handlers.audio(Float32Array.from(pcm, (value) => value / 32768), this.begin + this.#segmentBegan + first);
  }

  async #closed(code) {
    const summary = this.#summary;
    if (!this.#isOpen && !this.#error && !this.#isFinished) {
      this.#handlers.ended({ summary, error: await this.#service.whyNoStream() });
      return;
    }
    const isClean = code === 1000 || (this.#isFinished && summary);
    this.#handlers.ended({ summary, error: isClean ? null : problemOf(this.#error, code) });
  }
}

function problemOf(error, code) {
  if (!error) return new Refusal(`The connection to the service was lost (${code})`, { retrySeconds: 1 });
  const status = code >= 4400 ? code - 4000 : { 1009: 413, 1012: 503, 1013: 503 }[code] ?? 500;
  return new Refusal(error.message, { status, code: error.code, retrySeconds: error.retry_after_seconds ?? null });
}
