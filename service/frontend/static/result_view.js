// Everything that is shown of one clip: figures, sizes, downloads.

import { CodesFigure } from "./codes_figure.js";
import { drawLegend } from "./colours.js";
import { byId } from "./dom.js";
import { kbps, stem } from "./format.js";
import { PlayerPanel } from "./player_panel.js";
import { showSizes, sizeRows } from "./sizes.js";
import { loudest, spectrogram } from "./spectrum.js";
import { SpectrogramFigure } from "./spectrogram_figure.js";
import { WaveformFigure } from "./waveform_figure.js";

const COLUMNS = 900;

export class ResultView {
  #player = new PlayerPanel();
  #waveform = new WaveformFigure(byId("waveform"));
  #before = new SpectrogramFigure(byId("before"));
  #after = new SpectrogramFigure(byId("after"));
  #codes = new CodesFigure(byId("codes"));

  constructor() {
    drawLegend(byId("codes-legend"));
  }

  pause() {
    this.#player.pause();
  }

  /** Show a clip that has been through the codec:
   *  `{name, original, decoded, sampleRate, tokens, cdc, wav, fileBytes}`; `original` is null for token files. */
  show(clip) {
    byId("result").hidden = false;
    byId("drop").removeAttribute("data-empty");
    const { original, decoded, sampleRate } = clip;
    this.#player.load(original, decoded, sampleRate);
    this.#waveform.show(original, decoded, sampleRate);
    this.#showSpectra(original, decoded, sampleRate);
    this.#showTokens(clip);
    const fileBytes = original && clip.fileBytes;
    const nQ = clip.tokens.codes?.length ?? 0;
    const facts = { nSamples: decoded.length, sampleRate, nQ, cdcBytes: clip.cdc.byteLength, fileBytes };
    showSizes(sizeRows(facts));
    offer(byId("save-cdc"), clip.cdc, `${stem(clip.name)}.cdc`, "application/vnd.codecd.cdc");
    offer(byId("save-wav"), clip.wav, `${stem(clip.name)}.codec.wav`, "audio/wav");
    byId("identity").textContent = `${clip.tokens.model}, version ${clip.tokens.version}, ${clip.tokens.tokenSpace}`;
  }

  #showSpectra(original, decoded, sampleRate) {
    const after = spectrogram(decoded, sampleRate, COLUMNS);
    const before = original && spectrogram(original, sampleRate, COLUMNS);
    const topDb = loudest(before ?? after);
    byId("before-figure").hidden = !before;
    byId("before-figure").parentElement.classList.toggle("single", !before);
    if (before) this.#before.show("original", before, topDb);
    this.#after.show("codec", after, topDb);
  }

  #showTokens({ tokens, decoded, sampleRate }) {
    const { codes, codebookSize, hopSamples, bits } = tokens;
    const hint = byId("codes-hint");
    byId("codes").hidden = byId("codes-last").parentElement.hidden = !codes;
    if (!codes) {
      hint.textContent = "entropy-coded in this file: they play, but this page does not unpack them";
      byId("after-title").textContent = "Codec";
      return;
    }
    const bps = (codes.length * bits * sampleRate) / hopSamples;
    hint.textContent = `${codes.length} × ${codes[0].length}, each of ${codebookSize} values`;
    byId("after-title").textContent = `Codec at ${kbps(bps)} kbit/s`;
    byId("codes-last").textContent = String(codebookSize - 1);
    this.#codes.show(codes, codebookSize, decoded.length / sampleRate);
  }
}

function offer(link, content, name, type) {
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
}
