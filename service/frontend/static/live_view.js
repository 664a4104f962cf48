// What is seen of a live stream: three strips on one time axis, and where the delay comes from.

import { roundTicks } from "./axes.js";
import { COLOURS } from "./colours.js";
import { byId, element } from "./dom.js";
import { kbps, milliseconds } from "./format.js";
import { MESSAGE_SECONDS } from "./live_audio.js";
import { colourOf } from "./spectrogram_figure.js";
import { Analyser } from "./spectrum.js";
import { SWEEP_SECONDS, SweepFigure } from "./sweep_figure.js";

const COLUMNS_PER_SECOND = 100;
const TOP_DB = -22;

/** A spectrogram of sound that comes in pieces. */
class SpectrumStrip {
  #figure;
  #analyser = null;
  #tail = new Float32Array(0);
  #colours = null;

  constructor(host, label) {
    this.#figure = new SweepFigure(host, label);
  }

  begin(sampleRate) {
    this.#analyser = new Analyser(sampleRate);
    this.#tail = new Float32Array(this.#analyser.size);
    this.#colours = new Float32Array(this.#analyser.bins);
    this.#figure.clear(SWEEP_SECONDS * COLUMNS_PER_SECOND, this.#analyser.bins);
    this.#figure.setUpwards(roundTicks(sampleRate / 2000, 3, "kHz"), sampleRate / 2000);
  }

  /** Samples of which the first is number `index`; columns lie half a window behind the newest sample. */
  add(samples, index) {
    const { size, bins, sampleRate } = this.#analyser;
    const all = new Float32Array(size + samples.length);
    all.set(this.#tail);
    all.set(samples, size);
    this.#tail = all.slice(-size);
    const step = sampleRate / COLUMNS_PER_SECOND;
    const begin = index - size / 2;
    for (let column = Math.ceil(begin / step); column * step < begin + samples.length; column += 1) {
      if (column < 0) continue;
      this.#analyser.take(all, column * step - index + size, this.#colours, 0);
      this.#figure.write(column, Array.from(this.#colours.subarray(0, bins), (level) => colourOf(level, TOP_DB)));
    }
  }
}

export class LiveView {
  #input;
  #output;
  #tokens;
  #model = null;
  #bits = [];
  #nQ = 0;

  constructor() {
    const [input, output, tokens] = ["In", "Out", "Tokens"].map((name, i) => strip(name, ["a", "b", "b"][i]));
    this.#input = new SpectrumStrip(input, "Spectrogram of the last seconds that were sent");
    this.#output = new SpectrumStrip(output, "Spectrogram of the last seconds that came back");
    this.#tokens = new SweepFigure(tokens, "Tokens of the last seconds");
    this.showFigures(null);
  }

  /** Empty strips for a model. */
  begin(model) {
    this.#model = model;
    this.#bits = [];
    this.#input.begin(model.sample_rate);
    this.#output.begin(model.sample_rate);
    this.#nQ = 0;
  }

  sent(samples, index) {
    this.#input.add(samples, index);
  }

  received(samples, index) {
    this.#output.add(samples, index);
  }

  /** Codes `[frame][codebook]` of frames from the one at sample `index` on. */
  tokens(codes, nQ, index) {
    const { hop_samples: hop, codebook_size: size } = this.#model;
    if (nQ !== this.#nQ) this.#beginTokens(nQ);
    const first = Math.round(index / hop);
    for (let frame = 0; frame * nQ < codes.length; frame += 1) {
      const row = codes.subarray(frame * nQ, (frame + 1) * nQ);
      this.#tokens.write(first + frame, Array.from(row, (code) => COLOURS[Math.floor((256 * code) / size)]));
      this.#bits.push(nQ * Math.ceil(Math.log2(size)));
    }
    this.#bits = this.#bits.slice(-Math.round((2 * this.#model.sample_rate) / hop));
  }

  #beginTokens(nQ) {
    this.#nQ = nQ;
    this.#tokens.clear(Math.round((SWEEP_SECONDS * this.#model.sample_rate) / this.#model.hop_samples), nQ);
    this.#tokens.setUpwards(nQ === 1 ? [[0.5, "1"]] : [[0.5, "1"], [nQ - 0.5, String(nQ)]], nQ);
  }

  /** Show the figures of a report of the jitter buffer with the round trips; null before there is one. */
  showFigures(report, delays) {
    const p50 = delays?.quantile(0.5) ?? NaN;
    const bps = this.#model && this.#bits.length
      ? (this.#bits.reduce((sum, bits) => sum + bits, 0) / this.#bits.length) * (this.#model.sample_rate / this.#model.hop_samples)
      : NaN;
    const total = report ? report.delayMs + report.deviceMs : NaN;
    const rows = [
      ["From source to ear, measured", milliseconds(total), "total"],
      ["Round trip, p50", milliseconds(p50), "p50"],
      ["Round trip, p95", milliseconds(delays?.quantile(0.95) ?? NaN), "p95"],
      ["Algorithmic latency", milliseconds(this.#model?.latency_ms ?? NaN), "algorithmic"],
      ["Buffered", milliseconds(report?.bufferedMs ?? NaN), "buffered"],
      ["Underruns", report ? String(report.underruns) : "–", "underruns"],
      ["Skipped", milliseconds(report?.skippedMs ?? NaN), "skipped"],
      ["Tokens, measured", Number.isFinite(bps) ? `${kbps(bps)} kbit/s` : "–", "bitrate"],
    ];
    byId("live-figures").replaceChildren(...rows.map(([name, value, key]) =>
      element("div", {}, element("dt", {}, name), element("dd", { data: { figure: key } }, value))));
    if (report && Number.isFinite(report.delayMs)) showBudget(report, p50, this.#model);
  }
}

function strip(name, side) {
  const host = element("div", { className: "axes" });
  const caption = element("figcaption", {}, element("span", { className: `dot ${side}` }), name);
  byId("strips").append(element("figure", {}, caption, host));
  return host;
}

/** The delay in parts that add up to what was measured. */
function showBudget(report, p50, model) {
  const message = 1000 * MESSAGE_SECONDS;
  const lag = (1000 * model.delay_samples) / model.sample_rate;
  const rest = Math.max(0, report.delayMs - message - lag);
  const trip = Math.min(p50 || 0, rest);
  const parts = [
    ["filling a message", message, "--a"],
    ["lag of the codec", lag, "--b"],
    ["round trip, service and network", trip, "--c"],
    ["waiting to be played", rest - trip, "--control-line"],
    ["device", report.deviceMs, "--ink"],
  ];
  byId("budget").replaceChildren(...parts.map(([, ms, colour]) => {
    const part = element("span", { vars: { part: `var(${colour})` } });
    part.style.flexGrow = ms;
    return part;
  }));
  const words = parts.map(([name, ms]) => `${name} ${milliseconds(ms)}`);
  byId("budget").setAttribute("aria-label", `Where the delay comes from: ${words.join(", ")}`);
  byId("budget-legend").replaceChildren(...parts.map(([, , colour], i) =>
    element("li", {}, element("i", { vars: { part: `var(${colour})` } }), words[i])));
}
