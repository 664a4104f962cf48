// Two signals in step, one of them heard: switching is a matter of gains, so it is instant and keeps the place.

// Long enough not to click, too short to hear as a fade.
const FADE_SECONDS = 0.004;
const LEAD_SECONDS = 0.02;

export class Player extends EventTarget {
  #context;
  #buffers = {};
  #running = null;
  #rest = 0;
  #side = "codec";
  #loop = true;

  /** Plays in a context, or in one that is made when first needed: browsers want a click before that. */
  constructor(context = null) {
    super();
    this.#context = context;
  }

  /** Take other signals of one length, `{original, codec}`; `original` may be null. */
  load(signals, sampleRate) {
    this.pause();
    this.#rest = 0;
    this.#buffers = {};
    for (const [side, samples] of Object.entries(signals)) {
      if (!samples) continue;
      const buffer = new AudioBuffer({ length: samples.length, sampleRate });
      buffer.copyToChannel(samples, 0);
      this.#buffers[side] = buffer;
    }
    this.#tell();
  }

  get seconds() {
    return this.#buffers.codec?.duration ?? 0;
  }

  get playing() {
    return this.#running !== null;
  }

  /** Where playing is, in seconds. */
  get position() {
    if (!this.#running) return this.#rest;
    const { began, offset } = this.#running;
    const at = offset + Math.max(0, this.#context.currentTime - began);
    return this.#loop ? at % this.seconds : Math.min(at, this.seconds);
  }

  get side() {
    return this.#side;
  }

  /** Hear `original` or `codec` from now on. */
  set side(side) {
    this.#side = side;
    for (const [name, gain] of Object.entries(this.#running?.gains ?? {})) {
      gain.gain.setTargetAtTime(Number(name === side), this.#context.currentTime, FADE_SECONDS);
    }
    this.#tell();
  }

  set loop(on) {
    const { position } = this;
    this.#loop = on;
    if (this.#running) this.seek(position);
  }

  play() {
    if (this.#running || !this.seconds) return;
    this.#context ??= new AudioContext();
    if (this.#context instanceof AudioContext) this.#context.resume();
    const offset = this.#rest < this.seconds - 0.01 ? this.#rest : 0;
    const began = this.#context.currentTime + LEAD_SECONDS;
    this.#running = { began, offset, gains: {}, sources: [] };
    for (const [side, buffer] of Object.entries(this.#buffers)) this.#start(side, buffer);
    this.#running.sources[0].onended = () => this.#ended();
    this.#tell();
  }

  pause() {
    if (!this.#running) return;
    this.#rest = this.position;
    this.#stop();
    this.#tell();
  }

  seek(seconds) {
    const wasPlaying = this.playing;
    if (wasPlaying) this.#stop();
    this.#rest = Math.max(0, Math.min(seconds, this.seconds));
    if (wasPlaying) this.play();
    else this.#tell();
  }

  #start(side, buffer) {
    const { began, offset, gains, sources } = this.#running;
    const gain = new GainNode(this.#context, { gain: Number(side === this.#side) });
    const source = new AudioBufferSourceNode(this.#context, { buffer, loop: this.#loop });
    source.connect(gain).connect(this.#context.destination);
    source.start(began, offset);
    gains[side] = gain;
    sources.push(source);
  }

  #stop() {
    for (const source of this.#running.sources) {
      source.onended = null;
      source.stop();
    }
    this.#running = null;
  }

  #ended() {
    this.#running = null;
    this.#rest = 0;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
