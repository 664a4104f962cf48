// The service behind this page: its REST calls, where its live streams are, and its errors in words.

const TITLES = {
  401: "The service asks for a key",
  403: "Not allowed",
  409: "Tokens of another model",
  413: "Too large",
  415: "Not audio that the service reads",
  429: "Too much at a time",
  503: "Not possible right now",
  504: "It took too long",
};

/** Why the service did not do something; `retrySeconds` is when asking again makes sense, else null. */
export class Refusal extends Error {
  constructor(message, { status = 0, code = "", retrySeconds = null } = {}) {
    super(message);
    Object.assign(this, { status, code, retrySeconds });
  }

  /** What kind of refusal it is, in a few words. */
  get title() {
    return TITLES[this.status] ?? (this.status ? `The service said no (${this.status})` : "No answer");
  }
}

export class Service {
  #key = "";

  /** The key is kept here only, and goes out in a header or a subprotocol, never in an address. */
  set key(value) {
    this.#key = value.trim();
  }

  get hasKey() {
    return this.#key !== "";
  }

  /** Facts of the models that are served now. */
  async models() {
    const answer = await this.#ask("models");
    return (await answer.json()).models;
  }

  /** Audio to tokens: the bytes of a .cdc file, and what the service says of its work. */
  async encode(body, { model, nQ }, signal) {
    const query = new URLSearchParams({ model, n_q: nQ, format: "cdc" });
    return this.#work(`encode?${query}`, body, signal);
  }

  /** Tokens to audio: the bytes of a WAV file, and what the service says of its work. */
  async decode(body, signal) {
    return this.#work("decode?format=wav", body, signal);
  }

  /** A WebSocket for a live stream. */
  stream() {
    const address = new URL("stream", document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, ["codec.v1", ...(this.#key ? [`key.${this.#key}`] : [])]);
    socket.binaryType = "arraybuffer";
    return socket;
  }

  /** Why a WebSocket was refused before it opened, which browsers do not tell. */
  async whyNoStream() {
    try {
      await this.#ask("health/ready");
      await this.models();
    } catch (error) {
      return error;
    }
    const message = "No live stream could be opened: all places may be taken, or this page may not connect. "
      + "Try again in a moment.";
    return new Refusal(message, { status: 503, code: "overloaded", retrySeconds: 2 });
  }

  async #work(path, body, signal) {
    const headers = { "Content-Type": "application/octet-stream" };
    const answer = await this.#ask(path, { method: "POST", body, signal, headers });
    return {
      bytes: await answer.arrayBuffer(),
      model: answer.headers.get("X-Codec-Model"),
      version: answer.headers.get("X-Codec-Version"),
      tokenSpace: answer.headers.get("X-Codec-Token-Space"),
      runMs: Number(/run;dur=([\d.]+)/.exec(answer.headers.get("Server-Timing") ?? "")?.[1] ?? NaN),
    };
  }

  async #ask(path, { headers = {}, ...options } = {}) {
    const all = this.#key ? { ...headers, Authorization: `Bearer ${this.#key}` } : headers;
    let answer;
    try {
      answer = await fetch(new URL(path, document.baseURI), { ...options, headers: all, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal("The service does not answer. Is it running, and is this machine online?", {
        retrySeconds: 2,
      });
    }
    if (answer.ok) return answer;
    throw await refusalOf(answer);
  }
}

async function refusalOf(answer) {
  const after = Number(answer.headers.get("Retry-After"));
  const facts = { status: answer.status, retrySeconds: after > 0 ? after : null };
  const type = answer.headers.get("Content-Type") ?? "";
  if (!type.startsWith("application/json")) {
    // A proxy in between has its own way to say it.
    return new Refusal(`${answer.status} ${answer.statusText}`, facts);
  }
  const { error } = await answer.json();
  return new Refusal(error.message, { ...facts, code: error.code });
}
