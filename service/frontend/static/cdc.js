// Reads .cdc token files, as codec/container/__init__.py describes them: the header and bit-packed blocks.

const HEADER_FIXED = 19;
const BLOCK_HEADER = 18;
const BLOCK_MARKER = 0x42cd;
const PACKED = 0;
const RECORD = 2;
const OPTIONAL_BYTES = [[2, 4], [4, 8], [8, 8], [16, 8]];

/** Facts and codes of a file: `codes` is `[codebook][frame]`, null if they are entropy-coded. */
export function readCdc(buffer) {
  const view = new DataView(buffer);
  const header = readHeader(view);
  const pieces = [];
  let isPacked = true;
  for (let at = header.bytes; at + BLOCK_HEADER <= view.byteLength; ) {
    if (view.getUint16(at, true) !== BLOCK_MARKER) break;
    const coding = view.getUint8(at + 2) & 7;
    const nQ = view.getUint8(at + 3);
    const frames = view.getUint16(at + 8, true);
    const size = view.getUint16(at + 10, true);
    if (coding === PACKED) {
      const payload = new Uint8Array(buffer, at + BLOCK_HEADER, size);
      pieces.push({ frames, rows: unpackRows(payload, nQ, frames, header.bits) });
    } else if (coding !== RECORD) isPacked = false;
    at += BLOCK_HEADER + size;
  }
  return { ...header, codes: isPacked && pieces.length ? joined(pieces) : null };
}

function readHeader(view) {
  const flags = view.getUint8(15);
  let at = HEADER_FIXED;
  const names = [16, 17, 18].map((where) => {
    const letters = new Uint8Array(view.buffer, at, view.getUint8(where));
    at += letters.length;
    return String.fromCharCode(...letters);
  });
  for (const [flag, size] of OPTIONAL_BYTES) if (flags & flag) at += size;
  return {
    model: names[0],
    version: names[1],
    tokenSpace: names[2],
    bits: view.getUint8(5),
    sampleRate: view.getUint32(7, true),
    hopSamples: view.getUint16(11, true),
    codebookSize: view.getUint16(13, true) + 1,
    bytes: at + 4,
  };
}

function unpackRows(payload, nQ, count, bits) {
  const rowBytes = Math.ceil((count * bits) / 8);
  return Array.from({ length: nQ }, (_, row) =>
    unpack(payload.subarray(row * rowBytes, (row + 1) * rowBytes), count, bits));
}

/** Values of `bits` bits each, lowest bit first, without gaps. */
function unpack(packed, count, bits) {
  return Uint16Array.from({ length: count }, (_, i) => {
    const bit = i * bits;
    const at = bit >> 3;
    const window = packed[at] | ((packed[at + 1] ?? 0) << 8) | ((packed[at + 2] ?? 0) << 16);
    return (window >> (bit & 7)) & ((1 << bits) - 1);
  });
}

/** Blocks one after the other; as many codebooks as all of them have. */
function joined(pieces) {
  const nQ = Math.min(...pieces.map(({ rows }) => rows.length));
  const frames = pieces.reduce((sum, piece) => sum + piece.frames, 0);
  return Array.from({ length: nQ }, (_, codebook) => {
    const row = new Uint16Array(frames);
    let at = 0;
    for (const piece of pieces) {
      row.set(piece.rows[codebook], at);
      at += piece.frames;
    }
    return row;
  });
}
