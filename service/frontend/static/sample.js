// A clip to try: a synthetic voice that sings a few vowels. Nobody's speech, made on the spot.

const SECONDS = 4.6;

// Formants in Hz of five vowels, with their bandwidths; the usual textbook values of a tenor.
const VOWELS = {
  a: [[700, 90], [1150, 100], [2600, 130]],
  e: [[450, 80], [1900, 100], [2550, 130]],
  i: [[290, 60], [2150, 100], [2900, 130]],
  o: [[430, 70], [820, 90], [2600, 130]],
  u: [[320, 60], [720, 90], [2450, 130]],
};

// What is sung: begin and end in seconds, vowel, pitch in Hz, and a hiss before it.
const NOTES = [
  [0.15, 0.62, "o", 131, 0],
  [0.72, 1.15, "a", 147, 0.06],
  [1.25, 1.7, "e", 165, 0],
  [1.86, 2.3, "i", 196, 0.09],
  [2.42, 2.85, "u", 175, 0],
  [3.0, 4.35, "a", 131, 0.1],
];

/** The clip, float samples at this rate. */
export function singSample(sampleRate) {
  const out = new Float32Array(Math.round(SECONDS * sampleRate));
  for (const [begin, end, vowel, pitch, hiss] of NOTES) {
    addVoice(out, sampleRate, begin, end, VOWELS[vowel], pitch);
    if (hiss) addHiss(out, sampleRate, begin - hiss, begin + 0.01);
  }
  const peak = out.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  return out.map((value) => (0.5 * value) / peak);
}

function addVoice(out, sampleRate, begin, end, formants, pitch) {
  let phase = 0;
  for (let i = Math.round(begin * sampleRate); i < end * sampleRate; i += 1) {
    const time = i / sampleRate - begin;
    const vibrato = 1 + 0.012 * Math.min(1, time / 0.3) * Math.sin(2 * Math.PI * 5.2 * time);
    const f0 = pitch * vibrato * (1 - 0.05 * Math.exp(-time / 0.05));
    phase += f0 / sampleRate;
    out[i] += envelope(time, end - begin) * harmonics(phase, f0, formants, sampleRate);
  }
}

function harmonics(phase, f0, formants, sampleRate) {
  let sum = 0;
  const highest = Math.min(4500, 0.45 * sampleRate) / f0;
  for (let number = 1; number < highest; number += 1) {
    sum += resonance(number * f0, formants) * Math.sin(2 * Math.PI * number * phase);
  }
  return sum;
}

/** How strongly the vocal tract passes a frequency; the glottis gives less of the higher ones. */
function resonance(frequency, formants) {
  let gain = 0.004;
  for (const [centre, bandwidth] of formants) {
    gain += 1 / (1 + ((frequency - centre) / bandwidth) ** 2) / (1 + centre / 900);
  }
  return gain / (1 + frequency / 700);
}

function envelope(time, length) {
  const ease = (x) => 0.5 - 0.5 * Math.cos(Math.PI * Math.min(1, Math.max(0, x)));
  return ease(time / 0.04) * ease((length - time) / 0.09);
}

function addHiss(out, sampleRate, begin, end) {
  let state = 12345; // the same noise every time
  let before = 0;
  for (let i = Math.round(begin * sampleRate); i < end * sampleRate; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const noise = state / 2 ** 31 - 1;
    out[i] += 0.25 * envelope(i / sampleRate - begin, end - begin) * (noise - before);
    before = noise;
  }
}
