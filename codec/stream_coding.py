"""Recordings of any length through a codec that streams, at constant memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codec.audio import Samples
from codec.checks import check_codes
from codec.model import PIECE_FRAMES
from codec.streaming import StreamingCodec
from codec.tokens import Codes


def encode_blocks(stream: StreamingCodec, blocks: Iterator[Samples], n_q: int) -> Iterator[Codes]:
    """Codes `[n_q, frame]`, piece by piece, of one recording that comes as blocks `[channel, sample]`.

    Raises `InvalidRequestError` for n_q.
    """
    hop, state = stream.config.hop_samples, stream.encoder_state(1)
    left = np.zeros((stream.config.channels, 0), np.float32)
    n_samples = n_frames = 0

    def step(samples: Samples) -> Codes:
        nonlocal state
        codes, state = stream.encode_step(torch.from_numpy(samples).unsqueeze(0), state, n_q)
        return codes[0].numpy().astype(np.uint16)

    for block in _longer(blocks, PIECE_FRAMES * hop):
        n_samples += block.shape[1]
        left = np.concatenate((left, block), axis=1)
        whole = left.shape[1] // hop * hop
        if whole:
            piece, left = left[:, :whole], left[:, whole:].copy()
            n_frames += whole // hop
            yield step(piece)
    missing = stream.config.frames_for(n_samples) - n_frames
    if missing:
        yield step(np.pad(left, ((0, 0), (0, missing * hop - left.shape[1]))))


def _longer(blocks: Iterator[Samples], n_samples: int) -> Iterator[Samples]:
    """The same in blocks of at least `n_samples`: steps of 10 s take a quarter less time than of 1 s."""
    held, n_held = [], 0
    for block in blocks:
        held.append(block)
        n_held += block.shape[1]
        if n_held >= n_samples:
            yield np.concatenate(held, axis=1)
            held, n_held = [], 0
    if held:
        yield np.concatenate(held, axis=1)


def decode_blocks(stream: StreamingCodec, blocks: Iterator[NDArray[Any]]) -> Iterator[Samples]:
    """Audio `[channel, sample]` of one recording that comes as codes `[n_q, frame]`, the delay dropped.

    A code of `ABSENT` leaves its codebook out. Raises `InvalidTokensError` for codes out of range.
    """
    state, late = stream.decoder_state(1), stream.config.delay_samples
    for block in blocks:
        codes = torch.from_numpy(block.astype(np.int64)).unsqueeze(0)
        check_codes(codes, stream.config.quantizer)
        for piece in codes.split(PIECE_FRAMES, dim=-1):
            audio, state = stream.decode_step(piece, state)
            dropped = min(late, audio.shape[-1])
            late -= dropped
            yield audio[0, :, dropped:].numpy()
