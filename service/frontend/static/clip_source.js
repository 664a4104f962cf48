// Where a clip comes from: a file that is dropped or chosen, the microphone, or the sample.

import { byId } from "./dom.js";
import { seconds } from "./format.js";
import { alertOf, clearAlert, say } from "./notices.js";
import { Recorder } from "./recorder.js";
import { speakSample } from "./sample.js";
import { writeWav } from "./wav.js";

const SAMPLE_RATE = 24000;

/** The file of the sample: name and bytes. */
export function sampleFile() {
  return { name: "sample.wav", buffer: writeWav(speakSample(SAMPLE_RATE), SAMPLE_RATE) };
}

export class ClipSource {
  #recorder = new Recorder();
  #recordedRate = SAMPLE_RATE;
  #settings;
  #take;

  /** `take({name, buffer})` is called with every clip. */
  constructor(settings, take) {
    this.#settings = settings;
    this.#take = take;
    byId("choose").addEventListener("click", () => byId("file").click());
    byId("file").addEventListener("change", ({ target }) => {
      this.#read(target.files[0]);
      target.value = ""; // so that the same file can be chosen again
    });
    byId("sample").addEventListener("click", () => take(sampleFile()));
    byId("record").addEventListener("click", () => this.#record());
    this.#acceptDrops();
  }

  async #read(file) {
    if (!file) return;
    try {
      this.#take({ name: file.name, buffer: await file.arrayBuffer() });
    } catch (error) {
      alertOf(new Error(`${file.name} cannot be read: ${error.message}`));
    }
  }

  #acceptDrops() {
    const mark = (on) => byId("drop").toggleAttribute("data-over", on);
    addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(true);
    });
    addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? mark(false));
    addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      this.#read(event.dataTransfer.files[0]);
    });
  }

  async #record() {
    try {
      if (this.#recorder.recording) await this.#finish();
      else await this.#begin();
    } catch (error) {
      this.#show(false);
      alertOf(error);
    }
  }

  async #begin() {
    clearAlert();
    say("Asking for the microphone…");
    this.#recordedRate = this.#settings.model?.sample_rate ?? SAMPLE_RATE;
    await this.#recorder.start(
      this.#recordedRate,
      (length, peak) => this.#heard(length, peak),
      () => this.#record(),
    );
    this.#show(true);
    say("Recording. Speak, then stop.");
  }

  async #finish() {
    this.#show(false);
    const samples = await this.#recorder.stop();
    if (samples.length) this.#take({ name: "recording.wav", buffer: writeWav(samples, this.#recordedRate) });
    else say("Nothing was recorded.");
  }

  #heard(length, peak) {
    if (!this.#recorder.recording) return;
    byId("record-meter").style.setProperty("--level", Math.min(1, peak));
    byId("record").textContent = `Stop, ${seconds(length)}`;
  }

  #show(isRecording) {
    byId("record").setAttribute("aria-pressed", String(isRecording));
    byId("record").textContent = isRecording ? "Stop" : "Record";
    byId("record-meter").hidden = !isRecording;
  }
}
