// One clip's way: read, encode, decode, show. A change of the settings sends it through again.

import { bodyOf, fitted, isTokens, samplesOf } from "./audio_file.js";
import { readCdc } from "./cdc.js";
import { ClipSource } from "./clip_source.js";
import { bytes, kbps, seconds } from "./format.js";
import { alertOf, clearAlert, say } from "./notices.js";
import { ResultView } from "./result_view.js";

export class ClipPanel {
  #service;
  #settings;
  #view = new ResultView();
  #file = null;
  #original = null;
  #underway = null;

  constructor(service, settings) {
    this.#service = service;
    this.#settings = settings;
    new ClipSource(settings, (file) => this.#take(file));
    settings.addEventListener("change", () => this.#file && this.#run());
  }

  /** The clip at the codec's rate, `{name, samples}`; null while there is none or it cannot be read here. */
  get clip() {
    return this.#original && { name: this.#file.name, samples: this.#original };
  }

  pause() {
    this.#view.pause();
  }

  #take(file) {
    this.#file = file;
    return this.#run();
  }

  async #run() {
    this.#underway?.abort();
    this.#underway = new AbortController();
    const { signal } = this.#underway;
    clearAlert();
    this.#view.pause();
    try {
      const result = await (isTokens(this.#file.buffer) ? this.#decode(signal) : this.#recode(signal));
      if (!signal.aborted) this.#show(result);
    } catch (error) {
      if (!signal.aborted) alertOf(error, () => this.#run());
    }
  }

  /** Audio through the codec and back. */
  async #recode(signal) {
    const { name, buffer } = this.#file;
    const { model, nQ } = this.#settings;
    if (!model) throw new Error("The service has not told its models yet. Give its key, or wait a moment");
    say(`Reading ${name}…`);
    const original = await samplesOf(buffer, model.sample_rate);
    const body = bodyOf(buffer, original, model.sample_rate);
    if (!body) throw new Error(`${name} is no audio that this browser or the service reads`);
    say(`Encoding at ${kbps(this.#settings.bitrate)} kbit/s…`);
    const encoded = await this.#service.encode(body, { model: model.model, nQ }, signal);
    const result = await this.#decoded(encoded.bytes, model.sample_rate, signal);
    return { ...result, original, fileBytes: buffer.byteLength, encodeMs: encoded.runMs };
  }

  /** A token file to audio; the model is the one that the file names. */
  async #decode(signal) {
    const { buffer } = this.#file;
    const result = await this.#decoded(buffer, readCdc(buffer).sampleRate, signal);
    return { ...result, original: null, fileBytes: null, encodeMs: NaN };
  }

  async #decoded(cdc, sampleRate, signal) {
    say("Decoding…");
    const answer = await this.#service.decode(cdc, signal);
    const decoded = await samplesOf(answer.bytes, sampleRate);
    return { cdc, wav: answer.bytes, decoded, sampleRate, tokens: readCdc(cdc), decodeMs: answer.runMs };
  }

  #show(result) {
    const original = result.original && fitted(result.original, result.decoded.length);
    this.#original = original;
    this.#view.show({ ...result, original, name: this.#file.name });
    say(summary(this.#file.name, result));
  }
}

function times(value) {
  return `${value.toFixed(value < 10 ? 1 : 0)} times`;
}

function summary(name, { decoded, sampleRate, cdc, encodeMs, decodeMs }) {
  const length = decoded.length / sampleRate;
  const speeds = [["encoded", encodeMs], ["decoded", decodeMs]]
    .filter(([, ms]) => ms > 0)
    .map(([what, ms]) => `${what} ${times((1000 * length) / ms)} as fast as it plays`);
  return `${name}: ${seconds(length)} in ${bytes(cdc.byteLength)}; ${speeds.join(", ")}.`;
}
