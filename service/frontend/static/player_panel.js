// The player's buttons, slider, clock and keys.

import { byId } from "./dom.js";
import { Player } from "./player.js";

export class PlayerPanel {
  #player = new Player();
  #ticking = false;

  constructor() {
    const player = this.#player;
    player.addEventListener("change", () => this.#show());
    byId("play").addEventListener("click", () => this.#toggle());
    byId("switch").addEventListener("change", ({ target }) => (player.side = target.value));
    byId("loop").addEventListener("change", ({ target }) => (player.loop = target.checked));
    byId("position").addEventListener("input", ({ target }) => player.seek(Number(target.value) * player.seconds));
    byId("player").addEventListener("keydown", (event) => this.#key(event));
  }

  /** Take two signals of one length; `original` is null where only tokens are known. */
  load(original, codec, sampleRate) {
    const [first, second] = byId("switch").querySelectorAll("input");
    first.disabled = !original;
    if (!original) second.checked = true;
    this.#player.load({ original, codec }, sampleRate);
    this.#hear(original ? this.#player.side : "codec");
  }

  pause() {
    this.#player.pause();
  }

  #toggle() {
    if (this.#player.playing) this.#player.pause();
    else this.#player.play();
  }

  #hear(side) {
    const input = byId("switch").querySelector(`[value=${side}]`);
    if (input.disabled) return;
    input.checked = true;
    this.#player.side = side;
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    const isSpace = key === " " && !event.target.matches("button, [type=checkbox]");
    if (isSpace) this.#toggle();
    else if (key === "a") this.#hear("original");
    else if (key === "b") this.#hear("codec");
    else return;
    event.preventDefault();
  }

  #show() {
    const { playing, side } = this.#player;
    const button = byId("play");
    button.toggleAttribute("data-playing", playing);
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("player").dataset.side = side;
    this.#place();
    if (playing && !this.#ticking) {
      this.#ticking = true;
      requestAnimationFrame(() => this.#tick());
    }
  }

  #tick() {
    this.#place();
    this.#ticking = this.#player.playing;
    if (this.#ticking) requestAnimationFrame(() => this.#tick());
  }

  #place() {
    const { position, seconds } = this.#player;
    const share = seconds ? position / seconds : 0;
    const words = `${position.toFixed(1)} / ${seconds.toFixed(1)} s`;
    byId("result").style.setProperty("--played", share);
    byId("clock").textContent = words;
    const slider = byId("position");
    slider.value = share;
    slider.setAttribute("aria-valuetext", `${position.toFixed(1)} of ${seconds.toFixed(1)} seconds`);
  }
}
