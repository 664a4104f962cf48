// Log-magnitude spectra of samples: what the spectrograms show.

import { Fft } from "./fft.js";

const WINDOW_SECONDS = 0.032;

/** Takes spectra, in dB below a full-scale sine, of windows anywhere in a signal. */
export class Analyser {
  constructor(sampleRate) {
    this.sampleRate = sampleRate;
    this.size = 2 ** Math.round(Math.log2(WINDOW_SECONDS * sampleRate));
    this.bins = this.size / 2;
    this.#fft = new Fft(this.size);
    this.#window = Float64Array.from({ length: this.size }, (_, i) => Math.sin((Math.PI * i) / this.size) ** 2);
  }

  #fft;
  #window;

  /** dB of all bins from 0 Hz up, of the window around sample `centre`, into `out` from `at` on. */
  take(samples, centre, out, at) {
    const { real, imaginary } = this.#fft;
    const first = Math.round(centre) - this.size / 2;
    for (let i = 0; i < this.size; i += 1) real[i] = (samples[first + i] ?? 0) * this.#window[i];
    imaginary.fill(0);
    this.#fft.run();
    // A full-scale sine sums up to a quarter of the window's length.
    const full = this.size / 4;
    for (let bin = 0; bin < this.bins; bin += 1) {
      const power = (real[bin] ** 2 + imaginary[bin] ** 2) / full ** 2;
      out[at + bin] = 10 * Math.log10(power + 1e-12);
    }
  }
}

/** A spectrogram: `columns` spectra spread evenly, `levels[column * bins + bin]` in dB. */
export function spectrogram(samples, sampleRate, columns) {
  const analyser = new Analyser(sampleRate);
  const levels = new Float32Array(columns * analyser.bins);
  for (let column = 0; column < columns; column += 1) {
    const centre = ((column + 0.5) * samples.length) / columns;
    analyser.take(samples, centre, levels, column * analyser.bins);
  }
  const seconds = samples.length / sampleRate;
  return { columns, bins: analyser.bins, levels, seconds, nyquist: sampleRate / 2 };
}

/** The loudest level of a spectrogram, in dB. */
export function loudest({ levels }) {
  return levels.reduce((most, level) => Math.max(most, level), -120);
}

/** Where most of the sound is: frequencies in Hz below which 5, 50 and 95 % of the energy lie. */
export function spread({ columns, bins, levels, nyquist }) {
  const energies = new Float64Array(bins);
  for (let column = 0; column < columns; column += 1) {
    for (let bin = 0; bin < bins; bin += 1) energies[bin] += 10 ** (levels[column * bins + bin] / 10);
  }
  const total = energies.reduce((sum, energy) => sum + energy, 0);
  return [0.05, 0.5, 0.95].map((share) => {
    let sum = 0;
    const bin = energies.findIndex((energy) => (sum += energy) >= share * total);
    return (Math.max(0, bin) * nyquist) / bins;
  });
}
