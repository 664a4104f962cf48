// A fast Fourier transform of a power of two points, in place.

export class Fft {
  constructor(size) {
    this.size = size;
    this.real = new Float64Array(size);
    this.imaginary = new Float64Array(size);
    this.#cosines = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.#sines = Float64Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.#reversed = Uint32Array.from({ length: size }, (_, i) => reverse(i, bits));
  }

  #cosines;
  #sines;
  #reversed;

  /** Transform what is in `real` and `imaginary`. */
  run() {
    this.#reorder();
    for (let half = 1; half < this.size; half *= 2) this.#combine(half);
  }

  #reorder() {
    const { real, imaginary } = this;
    for (let i = 0; i < this.size; i += 1) {
      const j = this.#reversed[i];
      if (j <= i) continue;
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }

  #combine(half) {
    const { real, imaginary, size } = this;
    const step = size / (2 * half);
    for (let first = 0; first < size; first += 2 * half) {
      for (let k = 0; k < half; k += 1) {
        const cosine = this.#cosines[k * step];
        const sine = this.#sines[k * step];
        const low = first + k;
        const high = low + half;
        const re = real[high] * cosine - imaginary[high] * sine;
        const im = real[high] * sine + imaginary[high] * cosine;
        real[high] = real[low] - re;
        imaginary[high] = imaginary[low] - im;
        real[low] += re;
        imaginary[low] += im;
      }
    }
  }
}

function reverse(index, bits) {
  let out = 0;
  for (let bit = 0; bit < bits; bit += 1) out |= ((index >> bit) & 1) << (bits - 1 - bit);
  return out;
}
