// Audio files as samples, and as what the service reads.

import { writeWav } from "./wav.js";

const SIGNATURES = ["RIFF", "fLaC", "OggS", "ID3"];

/** What the first bytes of a file are, one character each. */
function start(buffer, count) {
  return String.fromCharCode(...new Uint8Array(buffer, 0, Math.min(count, buffer.byteLength)));
}

/** Whether it is a token file. */
export function isTokens(buffer) {
  return start(buffer, 4) === "\xcdCDC";
}

/** Whether the service reads the file as it is; anything else is sent as samples. */
export function isReadByService(buffer) {
  const [first, second] = new Uint8Array(buffer, 0, Math.min(2, buffer.byteLength));
  const isMpeg = first === 0xff && (second & 0xe6) === 0xe2;
  return isMpeg || SIGNATURES.some((signature) => start(buffer, 4).startsWith(signature));
}

/** Samples at a rate, all channels mixed; null if this browser cannot read the file. */
export async function samplesOf(buffer, sampleRate) {
  const context = new OfflineAudioContext(1, 1, sampleRate);
  let decoded;
  try {
    // The browser takes the buffer away.
    decoded = await context.decodeAudioData(buffer.slice(0));
  } catch (error) {
    if (error.name === "EncodingError") return null;
    throw error;
  }
  return mixed(decoded);
}

/** What to send to the service; null if neither of the two can read it. */
export function bodyOf(buffer, samples, sampleRate) {
  if (isReadByService(buffer)) return buffer;
  return samples && writeWav(samples, sampleRate);
}

/** Exactly so many samples: cut, or followed by silence. */
export function fitted(samples, length) {
  if (samples.length === length) return samples;
  const out = new Float32Array(length);
  out.set(samples.subarray(0, length));
  return out;
}

function mixed(decoded) {
  const out = decoded.getChannelData(0).slice();
  for (let channel = 1; channel < decoded.numberOfChannels; channel += 1) {
    decoded.getChannelData(channel).forEach((value, i) => (out[i] += value));
  }
  if (decoded.numberOfChannels > 1) out.forEach((value, i) => (out[i] = value / decoded.numberOfChannels));
  return out;
}
