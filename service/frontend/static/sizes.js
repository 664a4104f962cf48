// The table of sizes: what came, what it would be as WAV, what the tokens take, and Opus beside it.

import { byId, element } from "./dom.js";
import { bytes, kbps } from "./format.js";
import { wavBytes } from "./wav.js";

const OPUS_BPS = [6000, 12000, 24000];

/** Rows `{name, bps, size, own}` for a clip; `fileBytes` is null if no audio file came. */
export function sizeRows({ nSamples, sampleRate, nQ, cdcBytes, fileBytes }) {
  const length = nSamples / sampleRate;
  const row = (name, size, own = false) => ({ name, size, bps: (8 * size) / length, own });
  const rows = [
    row(`WAV, 16 bit, ${sampleRate / 1000} kHz`, wavBytes(nSamples)),
    row(`Tokens, ${nQ} ${nQ === 1 ? "codebook" : "codebooks"}`, cdcBytes, true),
    ...OPUS_BPS.map((bps) => row(`Opus at ${kbps(bps)}, nominal`, (bps * length) / 8)),
  ];
  return fileBytes === null ? rows : [row("The file that came", fileBytes), ...rows];
}

/** Show rows, each with a bar as long as its share of the largest. */
export function showSizes(rows) {
  const largest = Math.max(...rows.map(({ size }) => size));
  byId("sizes").replaceChildren(...rows.map((row) => tableRow(row, largest)));
}

function tableRow({ name, bps, size, own }, largest) {
  const bar = element("span", { className: "share" });
  bar.style.width = `${Math.max(0.5, (100 * size) / largest)}%`;
  const head = element("th", { scope: "row" }, name, bar);
  const cells = [element("td", {}, kbps(bps)), element("td", {}, bytes(size))];
  return element("tr", { className: own ? "own" : "" }, head, ...cells);
}
