// A plot between two axes of real text.

import { element } from "./dom.js";

const STEPS = [1, 2, 4, 5];

/** A plot in `host`: a canvas with a playhead over it, an axis upwards and one along. */
export class Axes {
  constructor(host) {
    this.canvas = element("canvas");
    this.canvas.setAttribute("role", "img");
    this.field = element("div", { className: "field-of-plot" }, this.canvas);
    this.#upwards = axis("upwards");
    this.#along = axis("along");
    host.replaceChildren(this.#upwards, this.field, this.#along);
  }

  #upwards;
  #along;

  /** Show where playing is; the position is the CSS variable `--played` of any element around. */
  addPlayhead() {
    const line = element("div", { className: "playhead" });
    line.setAttribute("aria-hidden", "true");
    this.field.append(line);
  }

  /** Ticks of the vertical axis, `[value, text]`, on a scale from 0 to `end`. */
  setUpwards(ticks, end) {
    place(this.#upwards, ticks, end);
  }

  /** Ticks of the horizontal axis. */
  setAlong(ticks, end) {
    place(this.#along, ticks, end);
  }
}

/** Ticks at round numbers from 0 to `end`, at most `most` of them; the last says the unit. */
export function roundTicks(end, most, unit) {
  const step = roundStep(end, most);
  const ticks = [];
  for (let i = 0; i * step <= end * 1.0001; i += 1) ticks.push([i * step, String(Number((i * step).toFixed(3)))]);
  const last = ticks.at(-1);
  last[1] += ` ${unit}`;
  return ticks;
}

function roundStep(end, most) {
  for (let power = 10 ** Math.floor(Math.log10(end / most)); ; power *= 10) {
    const step = STEPS.map((digit) => digit * power).find((size) => end / size < most);
    if (step) return step;
  }
}

function axis(direction) {
  const made = element("div", { className: `axis ${direction}` });
  made.setAttribute("aria-hidden", "true");
  return made;
}

function place(target, ticks, end) {
  target.replaceChildren(
    ...ticks.map(([value, text]) => {
      const at = end ? value / end : 0;
      const className = at < 0.02 ? "end-low" : at > 0.94 ? "end-high" : "";
      return element("span", { className, textContent: text, vars: { at } });
    }),
  );
}
