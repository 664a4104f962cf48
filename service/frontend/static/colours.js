// A colour map whose lightness rises evenly, so that equal steps look equal, also in grey and to the colour-blind.
// Colours go through Oklab (B. Ottosson, 2020): from near black over violet and red to pale yellow.

const STEPS = 256;

/** RGBA of value 0..255, as 256 numbers for the pixels of an ImageData. */
export const COLOURS = new Uint32Array(STEPS);

for (let step = 0; step < STEPS; step += 1) {
  const x = step / (STEPS - 1);
  const lightness = 0.14 + 0.84 * x;
  const chroma = 0.02 + 0.17 * Math.sin(Math.PI * x ** 0.85) ** 0.9;
  const hue = ((285 + 180 * x ** 0.9) * Math.PI) / 180;
  COLOURS[step] = pixel(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
}

/** Fill a one-pixel-high canvas with the whole map. */
export function drawLegend(canvas) {
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, 1);
  const pixels = new Uint32Array(image.data.buffer);
  pixels.forEach((_, i) => (pixels[i] = COLOURS[Math.floor((i * STEPS) / canvas.width)]));
  pen.putImageData(image, 0, 0);
}

function pixel(lightness, a, b) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  const green = byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  const blue = byte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

function byte(linear) {
  const clipped = Math.min(1, Math.max(0, linear));
  const shown = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
  return Math.round(255 * shown);
}
