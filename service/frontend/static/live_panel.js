// Live: a source goes to the service 80 ms at a time, and the codec's voice comes back.

import { sampleFile } from "./clip_source.js";
import { samplesOf } from "./audio_file.js";
import { byId, chosen } from "./dom.js";
import { seconds } from "./format.js";
import { LiveAudio } from "./live_audio.js";
import { Delays } from "./live_delays.js";
import { LiveSession } from "./live_session.js";
import { LiveView } from "./live_view.js";
import { openMicrophone } from "./microphone.js";
import { alertOf, clearAlert, say } from "./notices.js";

const FIGURES_MS = 250;

export class LivePanel {
  #service;
  #settings;
  #clipOf;
  #view = new LiveView();
  #audio = null;
  #session = null;
  #model = null;
  #delays = null;
  #shownAt = 0;
  #hasFinished = false;

  /** `clipOf()` gives the clip of the other tab, or null. */
  constructor(service, settings, clipOf) {
    this.#service = service;
    this.#settings = settings;
    this.#clipOf = clipOf;
    byId("live-start").addEventListener("click", () => (this.#audio ? this.#finish() : this.#start()));
    byId("live-flush").addEventListener("click", () => this.#session.flush());
    byId("live-hear").addEventListener("change", ({ target }) => this.#audio && (this.#audio.audible = target.checked));
    settings.addEventListener("change", () => this.#changed());
  }

  /** Name the clip that would be played. */
  refresh() {
    byId("live-clip").textContent = this.#clipOf()?.name ?? "Sample clip";
  }

  /** End at once, for somebody who looks elsewhere. */
  leave() {
    if (this.#audio) this.#finish();
  }

  async #start() {
    clearAlert();
    byId("live-start").disabled = true;
    try {
      this.#model = this.#chosenModel();
      const source = await this.#source();
      this.#delays = new Delays();
      this.#audio = await LiveAudio.open(this.#model.sample_rate, source, (report) => this.#reported(report));
      this.#audio.audible = byId("live-hear").checked;
      this.#view.begin(this.#model);
      this.#hasFinished = false;
      this.#session = this.#newSession(() => this.#begin());
      say("Opening a stream…");
      this.#session.connect();
    } catch (error) {
      this.#ended({ summary: null, error });
    }
  }

  #begin() {
    try {
      this.#audio.start((...block) => this.#captured(...block));
    } catch (error) {
      this.#finish();
      alertOf(error);
    }
  }

  #chosenModel() {
    const { model } = this.#settings;
    if (!model) throw new Error("The service has not told its models yet. Give its key, or wait a moment");
    if (model.streamable) return model;
    throw new Error(`${model.model} needs whole clips and takes no live streams. Choose another model`);
  }

  async #source() {
    if (chosen(byId("live-source")) === "microphone") return { stream: await openMicrophone() };
    const clip = this.#clipOf();
    return { samples: clip?.samples ?? (await samplesOf(sampleFile().buffer, this.#model.sample_rate)) };
  }

  /** A stream that is not connected yet; `begun` is called when it is open. */
  #newSession(begun) {
    const session = new LiveSession(this.#service, this.#model, this.#settings.nQ, {
      opened: ({ version }) => {
        begun();
        this.#show(true);
        say(`Live, ${this.#model.model} version ${version}.`);
      },
      audio: (samples, index) => {
        this.#view.received(samples, index);
        this.#audio?.play(samples, index);
      },
      tokens: (codes, nQ, index) => this.#view.tokens(codes, nQ, index),
      flushed: (id) => say(`Flushed (${id}): the codec has begun afresh.`),
      goAway: ({ reason }) => this.#moveOn(session, reason),
      ended: (end) => (session === this.#session ? this.#ended(end) : this.#session?.connect()),
    }, this.#delays);
    return session;
  }

  /** The service asks for the end of a stream: finish that one, and go on in another. */
  #moveOn(session, reason) {
    if (this.#hasFinished) return;
    say(`The service asked for the end of the stream (${reason}); going on in a new one.`);
    this.#delays = new Delays();
    this.#session = this.#newSession(() => {});
    session.finish();
  }

  #captured(samples, index) {
    this.#view.sent(samples, index);
    this.#session.send(samples, index);
  }

  #finish() {
    this.#hasFinished = true;
    byId("live-start").disabled = true;
    this.#audio.stop();
    this.#session.finish();
  }

  #changed() {
    if (!this.#audio) return;
    if (this.#settings.model === this.#model) this.#session.rate(this.#settings.nQ);
    else this.#finish();
  }

  #reported(report) {
    const now = performance.now();
    if (now - this.#shownAt < FIGURES_MS || !Number.isFinite(report.delayMs)) return;
    this.#shownAt = now;
    this.#view.showFigures(report, this.#delays);
  }

  #ended({ summary, error }) {
    const audio = this.#audio;
    this.#audio = this.#session = null;
    this.#show(false);
    audio?.stop();
    // What is in the jitter buffer is still heard.
    setTimeout(() => audio?.close(), 1000);
    if (error) alertOf(error, () => this.#start());
    else if (summary) say(`Ended: ${seconds(summary.n_samples / this.#model.sample_rate)} in ${summary.n_frames} frames.`);
    else say("Ended.");
  }

  #show(isLive) {
    byId("live-start").disabled = false;
    byId("live-start").textContent = isLive ? "Stop" : "Start";
    byId("live-flush").disabled = !isLive;
    for (const input of byId("live-source").querySelectorAll("input")) input.disabled = isLive;
  }
}
