"""What is said on live streams, operation by operation, over as many streams as it takes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.tokens import Codes, TokenIdentity, from_wire, to_wire
from proto.codec.v1 import codec_pb2 as pb
from service.client.errors import RefusedError
from service.client.exchange import Selection
from service.client.history import History, Piece
from service.client.streams import AudioChunk, PcmInput, TokenChunk, model_ref, opened_or_fail, rate_of


class _Resuming:
    """What all operations have in common; `_told_items`: how much of the output the caller has."""

    def __init__(self, model: str | None) -> None:
        self.is_leaving = False
        self.position = 0
        self._model = model
        self._pinned: pb.ModelRef | None = None
        self._opened: pb.Opened | None = None
        self._told_items = 0

    @property
    def can_resume(self) -> bool:
        """Part of `Talk`."""
        opened = self._opened
        return opened is not None and (opened.HasField("prime_frames") or not self._told_items)

    def needed_from(self, history: History) -> int:
        """Part of `Talk`."""
        frames = 0 if self._opened is None else self._opened.prime_frames
        return max(0, self._next_frame(history) - frames) * self._frame_items

    def unpin(self) -> bool:
        """Part of `Talk`."""
        was_pinned = self._pinned is not None
        self._pinned = None
        return was_pinned

    @property
    def _frame_items(self) -> int:
        """Items of input in a frame."""
        return 1 if self._opened is None else self._opened.hop_samples

    @property
    def _told_frames(self) -> int:
        """Frames whose output the caller has."""
        return self._told_items

    def _next_frame(self, history: History) -> int:
        """The frame that a next stream begins with: one after which no input is missing."""
        return min(self._told_frames, history.end // self._frame_items)

    def _going_on(self, history: History) -> tuple[pb.ModelRef, int, list[Piece]]:
        """Model, first frame and prime of the next stream, which is about to be opened."""
        self.is_leaving = False
        first_frame = self._next_frame(history)
        self.position = first_frame * self._frame_items
        prime = history.between(self.needed_from(history), self.position)
        model = model_ref(self._model) if self._pinned is None else self._pinned
        return model, first_frame, prime

    def _take(self, response: Any, which: str | None) -> None:
        """Take a message that is no output."""
        if which == "opened":
            self._take_opened(response.opened)
        elif which == "go_away":
            self.is_leaving = True
            # The version may be what has to go; one of its token space will do as well.
            self.unpin()

    def _take_opened(self, opened: pb.Opened) -> None:
        before, identity = self._opened, opened.identity
        if before is not None and before.identity.token_space != identity.token_space:
            message = (
                f"{identity.model}@{identity.version} has come in the place of {before.identity.version} and "
                "has another token space; go on with a new stream"
            )
            raise RefusedError("token_space_mismatch", message)
        self._opened = opened
        self._pinned = pb.ModelRef(model=identity.model, version=identity.version)

    def _untold(self, first: int, items: NDArray[Any]) -> NDArray[Any]:
        """What the caller does not have of output from item `first` on."""
        untold = items[..., max(0, self._told_items - first) :]
        self._told_items = max(self._told_items, first + items.shape[-1])
        return untold


class _Hearing(_Resuming):
    """What operations that give audio have in common."""

    @property
    def _told_frames(self) -> int:
        opened = self._opened
        if opened is None or not self._told_items:
            return 0
        return (self._told_items + opened.delay_samples) // opened.hop_samples

    def _chunks(
        self, response: pb.StreamDecodeResponse | pb.StreamReconstructResponse
    ) -> Iterator[AudioChunk]:
        which = response.WhichOneof("message")
        if which != "audio":
            self._take(response, which)
            return
        audio, opened = response.audio, opened_or_fail(self._opened)
        heard = np.frombuffer(audio.samples, "<f4")
        samples = self._untold(audio.first_sample, heard)
        if len(samples):
            first_sample = audio.first_sample + len(heard) - len(samples)
            yield AudioChunk(samples, first_sample, opened.sample_rate)


class _Speaking(_Resuming):
    """What operations on audio have in common."""

    def __init__(self, selection: Selection) -> None:
        super().__init__(selection.model)
        self._selection = selection

    def piece(self, given: PcmInput) -> Piece:
        """Part of `Talk`."""
        if isinstance(given, bytes):
            return np.frombuffer(given, "<i2").astype(np.float32) / np.float32(32768)
        return given

    def _fields(self, history: History) -> dict[str, Any]:
        model, first_frame, prime = self._going_on(history)
        return {
            "model": model,
            "rate": rate_of(self._selection),
            "format": pb.PCM_FORMAT_F32LE,
            "first_frame": first_frame,
            "prime": [_audio(piece) for piece in prime],
        }


class EncodeTalk(_Speaking):
    """`StreamEncode`."""

    def open(self, history: History) -> pb.StreamEncodeRequest:
        """Part of `Talk`."""
        return pb.StreamEncodeRequest(open=pb.OpenEncode(**self._fields(history)))

    def request(self, piece: Piece) -> pb.StreamEncodeRequest:
        """Part of `Talk`."""
        return pb.StreamEncodeRequest(audio=_audio(piece))

    def keep_alive(self) -> pb.StreamEncodeRequest:
        """Part of `Talk`."""
        return pb.StreamEncodeRequest(keep_alive=pb.KeepAlive())

    def chunks(self, response: pb.StreamEncodeResponse) -> Iterator[TokenChunk]:
        """Part of `Talk`."""
        which = response.WhichOneof("message")
        if which != "tokens":
            self._take(response, which)
            return
        tokens, opened = response.tokens, opened_or_fail(self._opened)
        identity = opened.identity
        heard = from_wire(tokens.codes, tokens.n_q, opened.codebook_size)
        codes = self._untold(tokens.first_frame, heard)
        if codes.shape[1]:
            first_frame = tokens.first_frame + heard.shape[1] - codes.shape[1]
            made_by = TokenIdentity(identity.model, identity.version, identity.token_space)
            yield TokenChunk(codes, first_frame, made_by)


class DecodeTalk(_Hearing):
    """`StreamDecode`."""

    def __init__(self, token_space: str, model: str | None) -> None:
        super().__init__(model)
        self._token_space = token_space

    @property
    def _frame_items(self) -> int:
        return 1

    def piece(self, given: TokenChunk | Codes) -> Piece:
        """Part of `Talk`."""
        return given.codes if isinstance(given, TokenChunk) else given

    def open(self, history: History) -> pb.StreamDecodeRequest:
        """Part of `Talk`."""
        model, first_frame, prime = self._going_on(history)
        opening = pb.OpenDecode(
            model=model,
            token_space=self._token_space,
            format=pb.PCM_FORMAT_F32LE,
            first_frame=first_frame,
            prime=[_tokens(piece) for piece in prime],
        )
        return pb.StreamDecodeRequest(open=opening)

    def request(self, piece: Piece) -> pb.StreamDecodeRequest:
        """Part of `Talk`."""
        return pb.StreamDecodeRequest(tokens=_tokens(piece))

    def keep_alive(self) -> pb.StreamDecodeRequest:
        """Part of `Talk`."""
        return pb.StreamDecodeRequest(keep_alive=pb.KeepAlive())

    def chunks(self, response: pb.StreamDecodeResponse) -> Iterator[AudioChunk]:
        """Part of `Talk`."""
        yield from self._chunks(response)


class ReconstructTalk(_Speaking, _Hearing):
    """`StreamReconstruct`."""

    def open(self, history: History) -> pb.StreamReconstructRequest:
        """Part of `Talk`."""
        return pb.StreamReconstructRequest(open=pb.OpenReconstruct(**self._fields(history)))

    def request(self, piece: Piece) -> pb.StreamReconstructRequest:
        """Part of `Talk`."""
        return pb.StreamReconstructRequest(audio=_audio(piece))

    def keep_alive(self) -> pb.StreamReconstructRequest:
        """Part of `Talk`."""
        return pb.StreamReconstructRequest(keep_alive=pb.KeepAlive())

    def chunks(self, response: pb.StreamReconstructResponse) -> Iterator[AudioChunk]:
        """Part of `Talk`."""
        yield from self._chunks(response)


def _audio(piece: Piece) -> pb.AudioChunk:
    return pb.AudioChunk(samples=piece.astype("<f4").tobytes())


def _tokens(piece: Piece) -> pb.Tokens:
    return pb.Tokens(n_q=piece.shape[0], codes=to_wire(piece))
