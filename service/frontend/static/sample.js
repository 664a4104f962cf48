// A clip to try: a synthetic voice that says "we were away a year ago". Nobody's speech, made on the spot by a
// formant synthesiser: glottal pulses and breath through resonators in a row (after D. Klatt, JASA 67, 1980).

// What is aimed at, and when: seconds, first three formants in Hz, pitch in Hz, loudness of the voice.
const TARGETS = [
  [0.0, 300, 610, 2150, 118, 0.0],
  [0.12, 300, 610, 2150, 122, 0.7], // w
  [0.3, 280, 2250, 2900, 132, 1.0], // e
  [0.4, 280, 2200, 2850, 130, 0.95],
  [0.5, 310, 640, 2100, 124, 0.6], // w
  [0.66, 480, 1350, 1720, 128, 1.0], // ere
  [0.78, 560, 1400, 2400, 126, 0.9], // a
  [0.9, 310, 650, 2150, 124, 0.6], // w
  [1.06, 530, 1850, 2500, 148, 1.0], // a
  [1.26, 330, 2250, 2850, 140, 0.95], // y
  [1.38, 560, 1500, 2450, 126, 0.9], // a
  [1.5, 270, 2250, 3000, 122, 0.7], // y
  [1.64, 380, 2000, 2650, 134, 1.0], // ea
  [1.84, 450, 1400, 1750, 124, 0.95], // r
  [1.98, 560, 1400, 2350, 116, 0.9], // a
  [2.07, 260, 1700, 2250, 108, 0.12], // g
  [2.13, 260, 1600, 2200, 106, 0.1],
  [2.2, 520, 1050, 2350, 118, 1.0], // o
  [2.4, 420, 820, 2350, 106, 0.95],
  [2.62, 350, 720, 2300, 90, 0.6],
  [2.78, 340, 700, 2300, 82, 0.0],
];
const BANDWIDTHS = [70, 95, 130, 220, 320];
const HIGH_FORMANTS = [3400, 4500];
const BEFORE_SECONDS = 0.15;
const SECONDS = 3.1;
const UPDATE_SAMPLES = 32;

/** The clip, float samples at this rate. */
export function speakSample(sampleRate) {
  const out = new Float32Array(Math.round(SECONDS * sampleRate));
  const voice = new Voice(sampleRate);
  const first = Math.round(BEFORE_SECONDS * sampleRate);
  for (let i = first; i < out.length; i += 1) {
    if ((i - first) % UPDATE_SAMPLES === 0) voice.aim(targetAt((i - first) / sampleRate));
    out[i] = voice.next();
  }
  const peak = out.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  return out.map((value) => (0.6 * value) / peak);
}

class Voice {
  #noise = 12345; // the same breath every time
  #phase = 0;
  #flow = 0;
  #jitter = 1;
  #pitch = 0;
  #loudness = 0;

  constructor(sampleRate) {
    this.sampleRate = sampleRate;
    this.resonators = BANDWIDTHS.map(() => new Resonator());
  }

  aim([, f1, f2, f3, pitch, loudness]) {
    this.#pitch = pitch;
    this.#loudness = loudness;
    [f1, f2, f3, ...HIGH_FORMANTS].forEach((frequency, i) =>
      this.resonators[i].tune(frequency, BANDWIDTHS[i], this.sampleRate));
  }

  next() {
    const breath = this.#random();
    this.#phase += (this.#pitch * this.#jitter) / this.sampleRate;
    if (this.#phase >= 1) {
      this.#phase -= 1;
      this.#jitter = 1 + 0.012 * this.#random();
    }
    const flow = glottis(this.#phase);
    // Lips radiate the change of the flow; breath comes with the open glottis.
    const source = 12 * (flow - this.#flow) + 0.02 * breath * (0.3 + flow);
    this.#flow = flow;
    return this.resonators.reduce((value, resonator) => resonator.pass(value), this.#loudness * source);
  }

  #random() {
    this.#noise = (Math.imul(this.#noise, 1664525) + 1013904223) >>> 0;
    return this.#noise / 2 ** 31 - 1;
  }
}

/** A resonance of two poles that leaves 0 Hz as it is. */
class Resonator {
  #a = 1;
  #b = 0;
  #c = 0;
  #last = 0;
  #before = 0;

  tune(frequency, bandwidth, sampleRate) {
    const radius = Math.exp((-Math.PI * bandwidth) / sampleRate);
    this.#c = -radius * radius;
    this.#b = 2 * radius * Math.cos((2 * Math.PI * frequency) / sampleRate);
    this.#a = 1 - this.#b - this.#c;
  }

  pass(value) {
    const out = this.#a * value + this.#b * this.#last + this.#c * this.#before;
    this.#before = this.#last;
    this.#last = out;
    return out;
  }
}

/** Flow through the glottis in a period: opens slowly, closes fast, stays closed. */
function glottis(phase) {
  if (phase < 0.4) return 0.5 - 0.5 * Math.cos((Math.PI * phase) / 0.4);
  if (phase < 0.56) return Math.cos((0.5 * Math.PI * (phase - 0.4)) / 0.16);
  return 0;
}

function targetAt(time) {
  const next = TARGETS.findIndex(([at]) => at > time);
  if (next < 0) return TARGETS.at(-1);
  const [from, to] = [TARGETS[next - 1], TARGETS[next]];
  const share = (time - from[0]) / (to[0] - from[0]);
  const eased = 0.5 - 0.5 * Math.cos(Math.PI * share);
  return from.map((value, i) => value + eased * (to[i] - value));
}
