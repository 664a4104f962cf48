// The simplest audio file: WAV, 16-bit, mono.

const HEADER_BYTES = 44;

/** 16-bit integers of samples in -1..1. */
export function toPcm16(samples) {
  return Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32768))));
}

/** Bytes of such a file with so many samples. */
export function wavBytes(nSamples) {
  return HEADER_BYTES + 2 * nSamples;
}

/** The file, as an ArrayBuffer. */
export function writeWav(samples, sampleRate) {
  const out = new DataView(new ArrayBuffer(wavBytes(samples.length)));
  const text = (at, word) => [...word].forEach((letter, i) => out.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  out.setUint32(4, out.byteLength - 8, true);
  text(8, "WAVEfmt ");
  out.setUint32(16, 16, true);
  out.setUint16(20, 1, true); // PCM
  out.setUint16(22, 1, true); // channels
  out.setUint32(24, sampleRate, true);
  out.setUint32(28, 2 * sampleRate, true);
  out.setUint16(32, 2, true);
  out.setUint16(34, 16, true);
  text(36, "data");
  out.setUint32(40, 2 * samples.length, true);
  toPcm16(samples).forEach((value, i) => out.setInt16(HEADER_BYTES + 2 * i, value, true));
  return out.buffer;
}
