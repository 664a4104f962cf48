// The tokens as a heat map: one column per frame, one row per codebook, the first one lowest.

import { Axes, roundTicks } from "./axes.js";
import { COLOURS } from "./colours.js";
import { element, redrawn, sized } from "./dom.js";
import { seconds } from "./format.js";

const MOST_FRAMES = 4000;

export class CodesFigure {
  #axes;
  #picture = null;

  constructor(host) {
    this.#axes = new Axes(host);
    this.#axes.addPlayhead();
    redrawn(this.#axes.field, () => this.#draw());
  }

  /** Show codes `[codebook][frame]`, of a codebook of so many entries. */
  show(codes, codebookSize, length) {
    const frames = codes[0].length;
    this.#picture = picture(codes, codebookSize);
    const rows = codes.length;
    const ticks = rowTicks(rows);
    this.#axes.setUpwards(ticks, rows);
    this.#axes.setAlong(roundTicks(length, 6, "s"), length);
    this.#axes.canvas.setAttribute(
      "aria-label",
      `Tokens: ${frames} frames of ${rows} codebooks in ${seconds(length)}; ${usage(codes, codebookSize)}`,
    );
    this.#draw();
  }

  #draw() {
    const area = sized(this.#axes.canvas);
    if (!area || !this.#picture) return;
    area.pen.imageSmoothingEnabled = this.#picture.width > area.width;
    area.pen.drawImage(this.#picture, 0, 0, area.width, area.height);
  }
}

function picture(codes, codebookSize) {
  const rows = codes.length;
  const step = Math.ceil(codes[0].length / MOST_FRAMES);
  const columns = Math.ceil(codes[0].length / step);
  const canvas = element("canvas", { width: columns, height: rows });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  codes.forEach((row, codebook) => {
    for (let column = 0; column < columns; column += 1) {
      const value = Math.floor((row[column * step] * 256) / codebookSize);
      pixels[(rows - 1 - codebook) * columns + column] = COLOURS[value];
    }
  });
  pen.putImageData(image, 0, 0);
  return canvas;
}

/** The middle of a row says its codebook's number, counted from 1. */
function rowTicks(rows) {
  const step = rows <= 8 ? 1 : rows / 8;
  const ticks = [];
  for (let row = step; row <= rows; row += step) ticks.push([row - 0.5, String(row)]);
  return rows > 1 && step > 1 ? [[0.5, "1"], ...ticks] : ticks;
}

function usage(codes, codebookSize) {
  const used = new Set(codes[0]).size;
  return `the first codebook uses ${used} of its ${codebookSize} entries.`;
}
