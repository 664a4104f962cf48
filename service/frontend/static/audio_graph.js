// Audio contexts with this page's worklets in them.

const MODULES = ["capture_worklet.js", "playback_worklet.js"];

/** A running context at a sample rate that knows the processors `capture` and `playback`. */
export async function openContext(sampleRate) {
  const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
  const load = (name) => context.audioWorklet.addModule(new URL(name, import.meta.url));
  await Promise.all([context.resume(), ...MODULES.map(load)]);
  return context;
}

/** A node that hands every block of its input to `take({samples, frame})`. */
export function captureNode(context, blockSamples, take) {
  const processorOptions = { blockSamples };
  const node = new AudioWorkletNode(context, "capture", { channelCount: 1, channelCountMode: "explicit", processorOptions });
  node.port.onmessage = ({ data }) => take(data);
  // It puts out silence; without a destination it would not run.
  node.connect(context.destination);
  return node;
}

/** The sound of a stream of the microphone as a node. */
export function microphoneNode(context, stream) {
  try {
    return context.createMediaStreamSource(stream);
  } catch (error) {
    if (error.name !== "NotSupportedError") throw error;
    throw new Error(`This browser cannot bring the microphone to ${context.sampleRate} Hz. Use a file instead.`);
  }
}
