// Speaks a WAV file (16-bit, mono, the model's rate) into a live stream: what comes back is audio on
// standard output and tokens on standard error. Needs Node 20.10 or newer, and nothing else:
//   node --experimental-websocket stream.mjs speech.wav | aplay -f S16_LE -r 16000
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const [file, url = "ws://localhost:8000/stream"] = process.argv.slice(2);
const wav = readFileSync(file);
const pcm = wav.subarray(wav.indexOf("data") + 8);
const sampleRate = wav.readUInt32LE(24);
const key = process.env.CODECD_API_KEY;

const socket = new WebSocket(url, key ? { headers: { Authorization: `Bearer ${key}` } } : {});
socket.binaryType = "arraybuffer";
const say = (message) => socket.send(JSON.stringify(message));
socket.onopen = () =>
  say({ type: "open", operation: "reconstruct", n_q: 8, sample_rate: sampleRate, tokens: true });
socket.onmessage = ({ data }) => {
  if (typeof data !== "string") return take(new DataView(data));
  console.error(data); // opened, go_away, summary or error
  if (JSON.parse(data).type === "opened") speak();
};
socket.onerror = ({ message }) => fail(message);
socket.onclose = ({ code }) => code === 1000 || fail(`closed with ${code}`);
const fail = (reason) => (console.error(reason), (process.exitCode = 1));

async function speak() {
  const step = 2 * Math.round(0.08 * sampleRate);
  for (let at = 0; at < pcm.length; at += step, await sleep(80)) socket.send(pcm.subarray(at, at + step));
  say({ type: "finish" });
}

function take(view) {
  const [kind, nQ, first] = [view.getUint16(0, true), view.getUint16(2, true), view.getBigUint64(4, true)];
  if (kind === 2) return process.stdout.write(new Uint8Array(view.buffer, 12));
  const codes = new Uint16Array(view.buffer, 12); // [frame][codebook]
  for (let frame = 0; frame * nQ < codes.length; frame++)
    console.error(`frame ${Number(first) + frame}: ${codes.subarray(frame * nQ, (frame + 1) * nQ).join(" ")}`);
}
