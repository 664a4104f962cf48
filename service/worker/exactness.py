"""The two promises that a model is held to: a cut stream is the whole, and an item is itself in any batch."""

import itertools

import numpy as np
import torch
from numpy.typing import NDArray

from codec.encoded import Encoded
from codec.golden import Golden
from codec.seanet_config import SeanetCodecConfig
from codec.weights import AnyCodec
from service.worker.engine import Engine, ItemEngine, Piece

_SPLIT_FRAMES = (1, 4, 2, 7, 1, 3, 25)
_SHARES = (0.43, 1.0, 0.71)
_BATCH_SECONDS = 1
_MAX_DECODE_ERROR = 1e-4
"""Of the loudest sample, or of full scale where that is louder."""
_MIN_BFLOAT16_SNR_DB = 25.0
"""All families are 37 to 46 dB from float32, and decoders that forget at a cut 2 to 10 dB."""


def golden_decode(codec: AnyCodec, golden: Golden) -> NDArray[np.float32]:
    """All samples `[sample, channel]` that the golden codes give as a whole."""
    frames = golden.codes.shape[2]
    device = next(codec.parameters()).device
    complete = frames * codec.config.hop_samples - codec.config.delay_samples
    encoded = Encoded(golden.codes.to(device), (complete,), (frames,))
    samples: NDArray[np.float32] = codec.decode(encoded)[0].T.cpu().numpy()
    return samples


def stream_fault(
    codec: AnyCodec, engine: Engine, golden: Golden, tolerance: float, whole: NDArray[np.float32]
) -> str | None:
    """What is wrong with the golden clip in uneven pieces, in the second row of an engine; or None.

    `tolerance`: share of the codes that may differ from those of the clip as a whole; `whole`: what
    `golden_decode` gave while the decoder was float32. One in bfloat16 may add noise to it, but less than a
    step that forgets.
    """
    config, (_, n_q, frames) = codec.config, golden.codes.shape
    device = next(codec.parameters()).device
    hop = config.hop_samples
    samples = np.zeros((1, frames * hop, config.channels), np.float32)
    samples[0, : golden.audio.shape[-1]] = golden.audio[0].T.numpy()
    codes, audio, given = [], [], golden.codes.transpose(1, 2).numpy()
    at = 0
    for split in itertools.cycle(_SPLIT_FRAMES):
        codes.append(engine.encode([1], samples[:, at * hop : (at + split) * hop], n_q))
        audio.append(engine.decode([1], given[:, at : at + split]))
        at += split
        if at >= frames:
            break
    streamed = torch.from_numpy(np.concatenate(codes, axis=1).astype(np.int64)).transpose(1, 2)
    mismatch = float((streamed != codec.encode(golden.audio.to(device), n_q).codes.cpu()).double().mean())
    if mismatch > tolerance:
        return f"{mismatch:.1%} of the codes depend on how the stream is cut"
    heard = np.concatenate(audio, axis=1)[0, config.delay_samples :]
    if codec.decoder.dtype == torch.bfloat16:
        return _noise_fault(heard, whole, config.sample_rate)
    return _audio_fault(heard, whole, "how the stream is cut")


def batch_fault(
    config: SeanetCodecConfig, engine: ItemEngine, golden: Golden, tolerance: float
) -> str | None:
    """What is wrong with parts of the golden clip in a batch, against each of them alone; or None."""
    clip = golden.audio[0, :, : _BATCH_SECONDS * config.sample_rate].T.numpy()
    lengths = [max(1, int(share * len(clip))) for share in _SHARES]
    pieces = [Piece(n, clip[:n], None, _labels(config, n)) for n in lengths]
    n_q = golden.codes.shape[1]
    alone = [engine.encode([piece], n_q)[0] for piece in pieces]
    together = engine.encode(pieces, n_q)
    wrong = [one.items != other.items for one, other in zip(alone, together, strict=True)]
    mismatch = float(np.concatenate(wrong).mean())
    if mismatch > tolerance:
        return f"{mismatch:.1%} of the codes depend on the items beside them"
    heard = engine.decode(alone)
    for one, piece in zip(heard, alone, strict=True):
        if fault := _audio_fault(one.items, engine.decode([piece])[0].items, "the items beside it"):
            return fault
    return None


def _audio_fault(heard: NDArray[np.float32], wanted: NDArray[np.float32], what: str) -> str | None:
    error = float(np.abs(heard - wanted).max())
    # Not "error > limit": NaN must not pass.
    if error <= _MAX_DECODE_ERROR * max(1.0, float(np.abs(wanted).max())):
        return None
    return f"decoded audio depends on {what}, by {error:.2g}"


def _noise_fault(heard: NDArray[np.float32], wanted: NDArray[np.float32], sample_rate: int) -> str | None:
    """Every tenth of a second counts against the level of the whole, so that no click hides in silence."""
    starts = np.arange(0, len(wanted), max(1, sample_rate // 10))
    noise = np.add.reduceat((heard - wanted).astype(np.float64) ** 2, starts).mean(1)
    loudest = float((noise / np.diff(starts, append=len(wanted))).max())
    level = float((wanted.astype(np.float64) ** 2).mean())
    # Not "noise > limit": NaN must not pass.
    if loudest <= level * 10 ** (-_MIN_BFLOAT16_SNR_DB / 10):
        return None
    return f"decoding in bfloat16 strays from float32: noise of {loudest:.2g} beside a power of {level:.2g}"


def _labels(config: SeanetCodecConfig, n_samples: int) -> NDArray[np.uint16] | None:
    """Labels in turn, in steps of 7."""
    if config.semantic is None:
        return None
    return (7 * np.arange(config.labels_for(n_samples)) % config.semantic.labels).astype(np.uint16)
