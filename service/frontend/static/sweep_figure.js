// A strip of the last seconds that is written from left to right, and over again: nothing ever moves.

import { Axes, roundTicks } from "./axes.js";
import { element, redrawn, sized, themeColour } from "./dom.js";

export const SWEEP_SECONDS = 8;
const GAP_COLUMNS = 8;

export class SweepFigure {
  #axes;
  #picture;
  #pen;
  #isDirty = false;

  constructor(host, label) {
    this.#axes = new Axes(host);
    this.#axes.canvas.setAttribute("aria-label", label);
    this.#axes.setAlong(roundTicks(SWEEP_SECONDS, 8, "s"), SWEEP_SECONDS);
    this.clear(1, 1);
    redrawn(this.#axes.field, () => this.#draw());
  }

  /** Begin afresh with so many columns and rows. */
  clear(columns, rows) {
    Object.assign(this, { columns, rows });
    this.#picture = element("canvas", { width: columns, height: rows });
    this.#pen = this.#picture.getContext("2d");
    this.#plan();
  }

  setUpwards(ticks, end) {
    this.#axes.setUpwards(ticks, end);
  }

  /** Write one column, `number` counting from the beginning; `colours` from the lowest row up. */
  write(number, colours) {
    const column = number % this.columns;
    const image = this.#pen.createImageData(1, this.rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let row = 0; row < this.rows; row += 1) pixels[this.rows - 1 - row] = colours[row] ?? 0;
    this.#pen.putImageData(image, column, 0);
    this.#pen.clearRect(column + 1, 0, GAP_COLUMNS, this.rows);
    this.#plan();
  }

  #plan() {
    if (this.#isDirty) return;
    this.#isDirty = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isDirty = false;
    const area = sized(this.#axes.canvas);
    if (!area) return;
    const { pen, width, height } = area;
    pen.fillStyle = themeColour("plot");
    pen.fillRect(0, 0, width, height);
    pen.imageSmoothingEnabled = this.rows > 64;
    pen.drawImage(this.#picture, 0, 0, width, height);
  }
}
