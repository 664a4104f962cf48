"""The engine of models that need whole items: pieces of different length in one batch."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codec.encoded import Encoded
from codec.quantizer import ABSENT
from codec.seanet_model import SeanetCodec
from codec.segments import cross_fade
from service.worker.engine import Piece


class TorchItemEngine:
    """`service.worker.engine.ItemEngine` over a `SeanetCodec`, on the device where that is."""

    def __init__(self, codec: SeanetCodec) -> None:
        self._codec = codec
        self._device = next(codec.parameters()).device

    @torch.inference_mode()
    def encode(self, pieces: Sequence[Piece], n_q: int) -> list[Piece]:
        """Samples to codes of `n_q` codebooks, with their scale."""
        lengths = [piece.n_samples for piece in pieces]
        audio = np.zeros((len(pieces), self._codec.config.channels, max(lengths)), np.float32)
        for row, piece in zip(audio, pieces, strict=True):
            row[:, : piece.n_samples] = piece.items.T
        samples, labels = torch.from_numpy(audio).to(self._device), self._labels(pieces)
        coded = self._codec.encode_segments(samples, n_q, lengths, labels)
        codes = coded.codes.transpose(1, 2).cpu().numpy()
        scales = [None] * len(pieces) if coded.scale is None else coded.scale[:, 0].tolist()
        return [
            Piece(piece.n_samples, row[:n_frames].astype(np.uint16), scale, piece.labels)
            for piece, row, n_frames, scale in zip(pieces, codes, coded.n_frames, scales, strict=True)
        ]

    @torch.inference_mode()
    def decode(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Codes, of as many codebooks as each piece has, to samples: all that the frames give."""
        n_frames = tuple(len(piece.items) for piece in pieces)
        n_q = max(piece.items.shape[1] for piece in pieces)
        codes = np.full((len(pieces), n_q, max(n_frames)), ABSENT, np.int64)
        for row, piece in zip(codes, pieces, strict=True):
            row[: piece.items.shape[1], : len(piece.items)] = piece.items.T
        scales = [piece.scale for piece in pieces if piece.scale is not None]
        lengths = tuple(piece.n_samples for piece in pieces)
        scale = torch.tensor(scales, device=self._device).unsqueeze(1) if scales else None
        tokens = torch.from_numpy(codes).to(self._device)
        coded = Encoded(tokens, lengths, n_frames, scale, self._labels(pieces))
        audio = self._codec.decode_segments(coded).transpose(1, 2).cpu().numpy()
        hop = self._codec.config.hop_samples
        return [
            Piece(piece.n_samples, row[: frames * hop])
            for piece, row, frames in zip(pieces, audio, n_frames, strict=True)
        ]

    def join(self, pieces: Sequence[Piece], n_samples: int) -> NDArray[np.float32]:
        """`[n_samples, channel]` of all the decoded pieces of an item, cross-faded where they overlap."""
        plan = self._codec.config.segments_for(n_samples)
        whole = pieces[0].items
        if plan is not None:
            parts = cross_fade(_tensors(pieces), plan.stride_samples)
            whole = torch.cat(list(parts), dim=-1).T.numpy()
        # The inverse of some spectra ends before the item does.
        missing = max(0, n_samples - len(whole))
        return np.pad(whole, ((0, missing), (0, 0))) if missing else whole[:n_samples]

    def _labels(self, pieces: Sequence[Piece]) -> Tensor | None:
        """`[piece, label]`, zeros after a piece's last; None for models that hear none."""
        own = [piece.labels for piece in pieces if piece.labels is not None]
        if not own:
            return None
        labels = np.zeros((len(own), max(map(len, own))), np.int64)
        for row, piece in zip(labels, own, strict=True):
            row[: len(piece)] = piece
        return torch.from_numpy(labels).to(self._device)


def _tensors(pieces: Sequence[Piece]) -> Iterator[Tensor]:
    """Audio `[channel, sample]` of each piece."""
    return (torch.from_numpy(piece.items.T) for piece in pieces)
