// The waveform: the original above the line, the codec below it.

import { redrawn, sized, themeColour } from "./dom.js";
import { seconds } from "./format.js";

// As long as the slowest pitch period: shorter ones would show its gaps.
const LEAST_SECONDS = 0.012;

export class WaveformFigure {
  #canvas;
  #above = null;
  #below = null;
  #sampleRate = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    redrawn(canvas, () => this.#draw());
  }

  /** Show two signals of one length; `original` is null where only tokens are known. */
  show(original, codec, sampleRate) {
    this.#above = original ?? codec;
    this.#below = codec;
    this.#sampleRate = sampleRate;
    this.#canvas.setAttribute("aria-label", inWords(original, codec, sampleRate));
    this.#draw();
  }

  #draw() {
    const area = sized(this.#canvas);
    if (!area || !this.#below) return;
    const { pen, width, height } = area;
    pen.clearRect(0, 0, width, height);
    const peak = Math.max(0.05, loudest(this.#above), loudest(this.#below));
    const scale = (0.46 * height) / peak;
    const middle = height / 2;
    const aColour = themeColour(this.#above === this.#below ? "b" : "a");
    this.#fill(area, this.#above, aColour, (x, level) => pen.fillRect(x, middle - level * scale, 1, level * scale));
    this.#fill(area, this.#below, themeColour("b"), (x, level) => pen.fillRect(x, middle, 1, level * scale));
    pen.fillStyle = themeColour("line");
    pen.fillRect(0, Math.round(middle), width, 1);
  }

  #fill({ pen, width, scale }, samples, colour, bar) {
    pen.fillStyle = colour;
    const step = Math.max(1, Math.round(scale));
    const half = Math.max((step * samples.length) / width, LEAST_SECONDS * this.#sampleRate) / 2;
    for (let x = 0; x < width; x += step) {
      const centre = ((x + step / 2) * samples.length) / width;
      const level = peakIn(samples, centre - half, centre + half);
      for (let i = 0; i < step; i += 1) bar(x + i, level);
    }
  }
}

function peakIn(samples, from, to) {
  let most = 0;
  const end = Math.min(samples.length, Math.ceil(to));
  for (let i = Math.max(0, Math.floor(from)); i < end; i += 1) most = Math.max(most, Math.abs(samples[i]));
  return most;
}

/** The largest magnitude of samples. */
export function loudest(samples) {
  return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function inWords(original, codec, sampleRate) {
  const level = (samples) => `peak ${(20 * Math.log10(loudest(samples) + 1e-6)).toFixed(0)} dBFS`;
  const first = original ? `the original above, ${level(original)}; ` : "";
  return `Waveform of ${seconds(codec.length / sampleRate)}: ${first}the codec below, ${level(codec)}.`;
}
