// Numbers as people read them.

export function seconds(value) {
  return `${value.toFixed(value < 60 ? 1 : 0)} s`;
}

/** Kilobits per second, with as many digits as say something. */
export function kbps(bitsPerSecond) {
  const value = bitsPerSecond / 1000;
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(1).replace(/\.0$/, "");
}

export function bytes(count) {
  if (count < 1000) return `${Math.round(count)} B`;
  if (count < 1e6) return `${(count / 1000).toFixed(count < 1e5 ? 1 : 0)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

export function milliseconds(value) {
  return Number.isFinite(value) ? `${value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0)} ms` : "–";
}

export function hertz(value) {
  return value < 1000 ? `${Math.round(value)} Hz` : `${(value / 1000).toFixed(1)} kHz`;
}

/** A file's name without folder and ending. */
export function stem(name) {
  return name.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "") || "audio";
}
