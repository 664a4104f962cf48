// Which model, and how many of its codebooks.

import { byId, chosen, element } from "./dom.js";
import { kbps } from "./format.js";

/** Bits per second of `nQ` codebooks. */
export function bitrate(model, nQ) {
  return (nQ * Math.ceil(Math.log2(model.codebook_size)) * model.sample_rate) / model.hop_samples;
}

/** The choice in the bar at the top; `change` is dispatched on it when a person changes it. */
export class Settings extends EventTarget {
  #models = [];
  #wanted = 8;

  constructor() {
    super();
    byId("model").addEventListener("change", () => this.#showRates());
    byId("model").addEventListener("change", () => this.dispatchEvent(new Event("change")));
    byId("rates").addEventListener("change", () => {
      this.#wanted = this.nQ;
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Offer what the service serves; keeps a choice that is still there. */
  offer(models) {
    const before = this.model?.model ?? models.find((model) => model.default)?.model;
    this.#models = models;
    const select = byId("model");
    select.replaceChildren(...models.map(({ model }) => element("option", { value: model }, model)));
    select.disabled = false;
    if (models.some(({ model }) => model === before)) select.value = before;
    this.#showRates();
  }

  /** Facts of the chosen model; undefined while there is none. */
  get model() {
    return this.#models.find(({ model }) => model === byId("model").value);
  }

  /** Facts of a model by name; undefined if it is not served. */
  named(name) {
    return this.#models.find(({ model }) => model === name);
  }

  get nQ() {
    return Number(chosen(byId("rate-chips")));
  }

  get bitrate() {
    return bitrate(this.model, this.nQ);
  }

  #showRates() {
    const { model } = this;
    if (!model) return;
    const counts = choices(model.codebooks);
    const best = counts.findLast((count) => count <= this.#wanted) ?? counts[0];
    const chips = counts.map((count) => chip(model, count, count === best));
    byId("rate-chips").replaceChildren(...chips);
    byId("model-hint").textContent = facts(model);
  }
}

function choices(codebooks) {
  const counts = [];
  for (let count = 1; count < codebooks; count *= 2) counts.push(count);
  return [...counts, codebooks];
}

function chip(model, count, checked) {
  const books = count === 1 ? "1 codebook" : `${count} codebooks`;
  const words = element("span", {}, kbps(bitrate(model, count)), element("small", {}, books));
  return element("label", {}, element("input", { type: "radio", name: "n_q", value: count, checked }), words);
}

function facts(model) {
  const frames = model.sample_rate / model.hop_samples;
  const latency = model.latency_ms === null ? "needs the whole clip" : `${model.latency_ms} ms latency`;
  return `${model.sample_rate / 1000} kHz, ${Number(frames.toFixed(1))} frames a second, ${latency}`;
}
