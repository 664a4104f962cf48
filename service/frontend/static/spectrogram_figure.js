// A spectrogram as a picture with axes, and in words for those who do not see it.

import { Axes, roundTicks } from "./axes.js";
import { COLOURS } from "./colours.js";
import { element, redrawn, sized } from "./dom.js";
import { hertz, seconds } from "./format.js";
import { spread } from "./spectrum.js";

const RANGE_DB = 80;

export class SpectrogramFigure {
  #axes;
  #picture = null;

  constructor(host) {
    this.#axes = new Axes(host);
    this.#axes.addPlayhead();
    redrawn(this.#axes.field, () => this.#draw());
  }

  /** Show a spectrogram; the brightest colour stands for `topDb`. */
  show(name, spectra, topDb) {
    this.#picture = picture(spectra, topDb);
    const { seconds: length, nyquist } = spectra;
    this.#axes.setUpwards(roundTicks(nyquist / 1000, 5, "kHz"), nyquist / 1000);
    this.#axes.setAlong(roundTicks(length, 6, "s"), length);
    this.#axes.canvas.setAttribute("aria-label", inWords(name, spectra));
    this.#draw();
  }

  #draw() {
    const area = sized(this.#axes.canvas);
    if (area && this.#picture) area.pen.drawImage(this.#picture, 0, 0, area.width, area.height);
  }
}

/** The colour of a level, `topDb` being the brightest. */
export function colourOf(level, topDb) {
  const x = (level - topDb + RANGE_DB) / RANGE_DB;
  return COLOURS[Math.max(0, Math.min(255, Math.round(255 * x)))];
}

function picture({ columns, bins, levels }, topDb) {
  const canvas = element("canvas", { width: columns, height: bins });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, bins);
  const pixels = new Uint32Array(image.data.buffer);
  for (let column = 0; column < columns; column += 1) {
    for (let bin = 0; bin < bins; bin += 1) {
      pixels[(bins - 1 - bin) * columns + column] = colourOf(levels[column * bins + bin], topDb);
    }
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

function inWords(name, spectra) {
  const [low, middle, high] = spread(spectra).map(hertz);
  return `Spectrogram, ${name}: ${seconds(spectra.seconds)}, up to ${hertz(spectra.nyquist)}. `
    + `Nine tenths of the energy lie between ${low} and ${high}, half below ${middle}.`;
}
