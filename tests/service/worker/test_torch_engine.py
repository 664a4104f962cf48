"""The real engine: rows of state that do not see each other, and give what the model gives alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec.layers.pauses import pausing
from codec.model import Codec
from service.ipc import Operation
from service.worker.torch_engine import TorchEngine, geometry_of
from tests.service.tiny import tiny_codec
from tests.service.worker.padded import FAMILIES, random_codes, sound, stream

HOP = 320


@pytest.fixture(scope="module")
def codec() -> Codec:
    torch.set_num_threads(1)
    return tiny_codec()


def audio(frames: int, seed: int) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).standard_normal((frames * HOP, 1))).astype(np.float32)


def whole(codec: Codec, samples: NDArray[np.float32], n_q: int) -> NDArray[np.int64]:
    """Codes `[frame, n_q]` of whole frames in one step of a fresh state."""
    codes, _ = codec.encode_step(torch.from_numpy(samples.T[None]), codec.encoder_state(1), n_q)
    return np.asarray(codes[0].T.numpy())


def test_geometry_is_that_of_the_config(codec: Codec) -> None:
    geometry = geometry_of(codec.config)
    assert (geometry.sample_rate, geometry.channels, geometry.hop_samples) == (16_000, 1, HOP)
    assert (geometry.delay_samples, geometry.codebooks, geometry.codebook_size) == (352, 32, 1024)


def test_rows_step_together_and_apart_with_the_same_codes(codec: Codec) -> None:
    engine = TorchEngine(codec, rows=5)
    first, second = audio(12, seed=1), audio(12, seed=2)
    codes: dict[int, list[NDArray[np.uint16]]] = {3: [], 1: []}
    for start, stop, rows in ((0, 4, [3, 1]), (4, 5, [1]), (4, 6, [3]), (5, 6, [1]), (6, 12, [1, 3])):
        inputs = [(first if row == 3 else second)[start * HOP : stop * HOP] for row in rows]
        for row, output in zip(rows, engine.encode(rows, np.stack(inputs), 8), strict=True):
            codes[row].append(output)
    assert np.array_equal(np.concatenate(codes[3]), whole(codec, first, 8))
    assert np.array_equal(np.concatenate(codes[1]), whole(codec, second, 8))


def test_decoding_in_rows_is_decoding_alone(codec: Codec) -> None:
    engine = TorchEngine(codec, rows=4)
    codes = np.random.default_rng(0).integers(0, 1024, (2, 10, 6))
    codes[0, :, 2:] = -1
    pieces = [engine.decode([2, 0], codes[:, a:b]) for a, b in ((0, 3), (3, 4), (4, 10))]
    heard = np.concatenate(pieces, axis=1)
    for row in range(2):
        n_q = 2 if row == 0 else 6
        alone, _ = codec.decode_step(
            torch.from_numpy(codes[row : row + 1, :, :n_q]).mT, codec.decoder_state(1)
        )
        assert np.array_equal(heard[row, :, 0], alone[0, 0].numpy())


@pytest.mark.parametrize("operation", list(Operation))
def test_reset_equals_fresh_and_leaves_other_rows_alone(codec: Codec, operation: Operation) -> None:
    engine, other = TorchEngine(codec, rows=2), TorchEngine(codec, rows=2)
    sound, codes = audio(6, seed=3), np.random.default_rng(4).integers(0, 1024, (1, 6, 32))

    def run(target: TorchEngine, rows: list[int]) -> NDArray[np.generic]:
        if operation == Operation.ENCODE:
            return target.encode(rows, np.stack([sound] * len(rows)), 32)
        return target.decode(rows, np.repeat(codes, len(rows), axis=0))

    fresh = run(other, [0, 1])
    run(engine, [0, 1])
    continued = run(other, [1])
    engine.reset(operation, [0])
    assert np.array_equal(run(engine, [0]), fresh[:1])
    assert np.array_equal(run(engine, [1]), continued)
    assert not np.array_equal(continued, fresh[1:]), "or the test would show nothing"


@pytest.mark.parametrize("family", FAMILIES)
def test_other_rows_may_step_while_a_step_pauses(family: str) -> None:
    model = stream(family)
    plain, interrupted = TorchEngine(model, rows=4), TorchEngine(model, rows=4)
    sounds, few_sounds = sound(model, 2, 20, seed=1), sound(model, 1, 20, seed=2)
    codes, few_codes = random_codes(model, 2, 20, 2, seed=3), random_codes(model, 1, 20, 2, seed=4)
    hop, pieces = model.config.hop_samples, [interrupted.decode([0], few_codes[:, :1])]

    def step_another() -> None:
        at = len(pieces)
        if at < 20:
            interrupted.encode([0], few_sounds[:, at * hop : (at + 1) * hop], 2)
            pieces.append(interrupted.decode([0], few_codes[:, at : at + 1]))

    with pausing(step_another):
        heard = interrupted.decode([3, 1], codes)
        coded = interrupted.encode([3, 1], sounds, 2)
    assert len(pieces) > 8
    assert np.array_equal(coded, plain.encode([3, 1], sounds, 2))
    assert np.allclose(heard, plain.decode([3, 1], codes), rtol=1e-4, atol=1e-4)
    wanted = plain.decode([0], few_codes[:, : len(pieces)])
    assert np.allclose(np.concatenate(pieces, axis=1), wanted, rtol=1e-4, atol=1e-4)
