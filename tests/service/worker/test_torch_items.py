"""The real engine for whole items gives what the library gives, in any company."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec.seanet_model import SeanetCodec
from service.ipc import Kind, Message, Operation
from service.item import Item
from service.worker.cutter import Cutter
from service.worker.engine import Piece
from service.worker.torch_items import TorchItemEngine
from tests.service.items import cut_codec, item_codec, item_info, labels_for, make_item, sound

pytestmark = pytest.mark.usefixtures("single_thread")

PRESETS = ("soundstream_16k", "encodec_48k", "semantic_residual", "freqcodec_mag_phase")


def pieces_of(preset: str, lengths: list[int]) -> list[Piece]:
    codec = item_codec(preset)
    return [Piece(n, sound(codec, n, seed=n), None, labels_for(codec, n, seed=n)) for n in lengths]


@pytest.mark.parametrize("preset", PRESETS)
def test_pieces_of_any_length_are_coded_together_as_the_library_does_alone(preset: str) -> None:
    codec = item_codec(preset)
    engine = TorchItemEngine(codec)
    pieces = pieces_of(preset, [5000, 1, 7777, 320])
    for piece, coded in zip(pieces, engine.encode(pieces, 3), strict=True):
        words = None if piece.labels is None else torch.from_numpy(piece.labels.astype(np.int64))[None]
        audio = torch.from_numpy(piece.items.T.copy())[None]
        alone = codec.encode_segments(audio, 3, [piece.n_samples], words)
        assert np.array_equal(coded.items.T, alone.codes[0].numpy())
        if alone.scale is None:
            assert coded.scale is None
        else:
            assert coded.scale == pytest.approx(float(alone.scale[0, 0]), rel=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
def test_pieces_are_decoded_together_as_alone_each_with_its_codebooks(preset: str) -> None:
    engine = TorchItemEngine(item_codec(preset))
    coded = engine.encode(pieces_of(preset, [5000, 1, 7777]), 4)
    thin = [
        Piece(one.n_samples, one.items[:, :n_q], one.scale, one.labels)
        for one, n_q in zip(coded, (4, 1, 2), strict=True)
    ]
    for piece, heard in zip(thin, engine.decode(thin), strict=True):
        alone = engine.decode([piece])[0].items
        assert heard.items.shape == alone.shape
        assert np.abs(heard.items - alone).max() < 1e-5 * np.abs(alone).max()


@pytest.mark.parametrize(
    ("codec", "seconds"),
    [
        (item_codec("encodec_48k"), 2.3),
        (cut_codec("soundstream_16k"), 0.6),
        (cut_codec("soundstream_16k"), 2.2),
        (cut_codec("semantic_residual"), 2.2),
    ],
    ids=["stereo", "whole", "segments", "labels"],
)
def test_an_item_is_what_the_library_makes_of_it(codec: SeanetCodec, seconds: float) -> None:
    samples = sound(codec, round(seconds * codec.config.sample_rate))
    coded, heard = through(codec, samples)
    words = labels_for(codec, len(samples))
    labels = None if words is None else torch.from_numpy(words.astype(np.int64))[None]
    whole = codec.encode(torch.from_numpy(samples.T.copy())[None], 2, labels=labels)
    codes = np.frombuffer(coded.body, "<u2").reshape(-1, 2).T
    assert np.array_equal(codes, whole.codes[0].numpy())
    assert whole.scale is not None
    assert coded.side.scale == pytest.approx(whole.scale[0].tolist(), rel=1e-5)
    assert (coded.side.segmentation is None) == (len(coded.side.scale) == 1)
    wanted = codec.decode(replace(whole, scale=torch.tensor([coded.side.scale])))[0].numpy()
    assert heard.T.shape == wanted.shape == samples.T.shape
    assert np.abs(heard.T - wanted).max() < 1e-5 * np.abs(wanted).max()


def through(codec: SeanetCodec, samples: NDArray[np.float32]) -> tuple[Item, NDArray[np.float32]]:
    """An item cut, coded, put together, and the same back."""
    info = item_info(codec)
    engine, cutter = TorchItemEngine(codec), Cutter(info, codec.config.segment_frames)
    cut = cutter.cut(Message(Kind.JOB, 1, Operation.ENCODE, 2, payload=make_item(codec, samples).pack()))
    coded = cutter.finish(cut, [engine.encode([piece], 2)[0] for piece in cut.pieces], engine)
    back = cutter.cut(Message(Kind.JOB, 1, Operation.DECODE, 2, payload=coded))
    answer = Item.parse(cutter.finish(back, engine.decode(back.pieces), engine), None)
    heard = np.frombuffer(answer.body, "<f4").reshape(-1, codec.config.channels)
    return Item.parse(coded, info.label_format), heard


def test_an_inverse_that_ends_before_its_item_is_filled_up() -> None:
    engine = TorchItemEngine(item_codec("soundstream_16k"))
    short = Piece(10, np.ones((8, 1), np.float32))
    assert np.array_equal(engine.join([short], 10)[:, 0], [1] * 8 + [0] * 2)
