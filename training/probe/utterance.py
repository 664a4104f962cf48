"""Recordings as the recogniser meets them: every input, frame by frame, and what is said in each frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from codec.audio import Samples
from codec.checks import check_n_q
from codec.errors import InvalidRequestError
from codec.model import Codec
from codec.weights import AnyCodec
from training.probe.log_mel import LogMelFrames

InputName = Literal["log-mel", "encoder output", "codec embedding", "code indices"]
INPUTS: tuple[InputName, ...] = get_args(InputName)

_PIECE_SECONDS = 10


@dataclass(frozen=True, eq=False)
class Utterance:
    """A recording: `classes` int64 `[frame]`, every input `[frame, number]` (indices: int64)."""

    name: str
    classes: Tensor
    inputs: Mapping[InputName, Tensor]


class InputMaker:
    """Makes the inputs from audio, with the first `n_q` codebooks of a codec.

    A codec hears pieces of 10 s, each from a fresh start and as a whole. Raises `InvalidRequestError` for n_q
    out of range, and for models that hear labels: theirs would tell the recogniser what is said.
    """

    def __init__(self, codec: AnyCodec, n_q: int) -> None:
        check_n_q(n_q, codec.config.quantizer)
        if not isinstance(codec, Codec) and codec.semantic is not None:
            raise InvalidRequestError("the model hears labels, which say what is to be found; probe another")
        self._codec = codec
        self._n_q = n_q
        config = codec.config
        self._log_mel = LogMelFrames(config.sample_rate, config.hop_samples)
        self._piece_samples = round(_PIECE_SECONDS * config.frame_rate) * config.hop_samples

    @torch.no_grad()
    def __call__(self, samples: Samples) -> dict[InputName, Tensor]:
        """All inputs of `[channel, sample]`, one frame for every started hop."""
        audio = torch.from_numpy(samples)
        latents = [self._latent(piece) for piece in audio.split(self._piece_samples, dim=1)]
        latent = torch.cat(latents, dim=1)
        codes = self._codec.quantizer.encode(latent, self._n_q)
        return {
            "log-mel": self._log_mel(audio.mean(0)),
            "encoder output": latent[0],
            "codec embedding": self._codec.quantizer.decode(codes)[0],
            "code indices": codes[0].t().contiguous(),
        }

    def _latent(self, piece: Tensor) -> Tensor:
        """What the quantizer is given, `[1, frame, dimension]`, of `[channel, sample]`."""
        n_frames = -(-piece.shape[1] // self._codec.config.hop_samples)
        if isinstance(self._codec, Codec):
            whole = functional.pad(piece, (0, n_frames * self._codec.config.hop_samples - piece.shape[1]))
            latent, _ = self._codec.embed(whole.unsqueeze(0), self._codec.encoder_state(1))
            return latent
        return self._codec.embed(piece.unsqueeze(0), (piece.shape[1],)).vectors[:, :n_frames]
