"""What every codec asks of its input, whatever its family."""

from collections.abc import Sequence

import torch
from torch import Tensor

from codec.config import QuantizerConfig
from codec.errors import InvalidAudioError, InvalidRequestError, InvalidTokensError
from codec.quantizer import ABSENT


def check_items(audio: Tensor, channels: int, lengths: Sequence[int] | None) -> tuple[int, ...]:
    """The length of every item of `[batch, channel, sample]`.

    Raises `InvalidAudioError` for lengths that cannot be, and tensors of another shape.
    """
    if audio.dim() != 3 or audio.shape[1] != channels or not audio.is_floating_point():
        raise InvalidAudioError(f"audio must be float [batch, {channels}, sample], not {list(audio.shape)}")
    lengths = tuple(lengths) if lengths is not None else (audio.shape[-1],) * audio.shape[0]
    if len(lengths) != audio.shape[0]:
        raise InvalidAudioError(f"{len(lengths)} lengths for a batch of {audio.shape[0]}")
    if not lengths or min(lengths) < 1 or max(lengths) > audio.shape[-1]:
        raise InvalidAudioError("every item needs at least one sample and no more than the tensor holds")
    return lengths


def check_finite(audio: Tensor) -> None:
    """Raise `InvalidAudioError` for NaN and infinity."""
    if not torch.isfinite(audio).all():
        raise InvalidAudioError("audio holds NaN or infinity; clean it before encoding")


def check_n_q(n_q: int, quantizer: QuantizerConfig) -> None:
    """Raise `InvalidRequestError` unless the model has `n_q` codebooks."""
    if not 1 <= n_q <= quantizer.codebooks:
        raise InvalidRequestError(f"n_q is {n_q}; this model has codebooks 1..{quantizer.codebooks}")


def check_n_qs(n_q: int | Sequence[int], items: int, quantizer: QuantizerConfig) -> tuple[int, ...]:
    """n_q of every item, given one for all or one each. Raises `InvalidRequestError` for what is not."""
    wanted = (n_q,) * items if isinstance(n_q, int) else tuple(n_q)
    if len(wanted) != items:
        raise InvalidRequestError(f"{len(wanted)} n_q for a batch of {items}; give one or one each")
    for count in wanted:
        check_n_q(count, quantizer)
    return wanted


def check_codes(codes: Tensor, quantizer: QuantizerConfig) -> None:
    """Raise `InvalidTokensError` unless codes are `[batch, n_q, frame]`, int64, and in range."""
    if codes.dim() != 3 or codes.dtype != torch.int64 or 0 in codes.shape:
        raise InvalidTokensError("codes must be int64 [batch, codebook, frame] and not empty")
    if codes.shape[1] > quantizer.codebooks:
        raise InvalidTokensError(f"{codes.shape[1]} codebooks; this model has {quantizer.codebooks}")
    low, high = int(codes.min()), int(codes.max())
    if low < ABSENT or high >= quantizer.codebook_size:
        raise InvalidTokensError(f"codes reach from {low} to {high}; valid: 0..{quantizer.codebook_size - 1}")
