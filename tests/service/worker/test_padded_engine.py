"""Steps in standing buffers of few shapes give what steps of their own size give, to every row alone."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec.checkpoint import ready, stream_of
from codec.model import Codec
from service.ipc import Operation
from service.worker.device import Placement
from service.worker.padded_engine import PaddedEngine
from service.worker.torch_engine import TorchEngine
from tests.service.items import item_codec
from tests.service.tiny import tiny_codec
from tests.service.worker.launches import launches_of
from tests.service.worker.padded import FAMILIES, random_codes, sound, stream

pytestmark = pytest.mark.usefixtures("single_thread")

COMPACT, FIXED = Placement("cpu", "compact"), Placement("cpu", "fixed")
STEPS = (([3, 1, 0], 4), ([1], 1), ([3, 1], 2), ([0], 7), ([0, 1, 2, 3, 4], 1), ([3], 30))


def n_qs(codebooks: int) -> tuple[int, ...]:
    return (codebooks, 1, max(1, codebooks // 4), codebooks // 2, codebooks, 1)


@pytest.mark.parametrize("placement", [COMPACT, FIXED], ids=["compact", "fixed"])
def test_the_spectral_codec_gives_the_same_bits_in_any_shape(placement: Placement) -> None:
    """Live streams are promised the codes of the whole item, so here is no tolerance."""
    codec = stream("spectral")
    plain, padded = TorchEngine(codec, 6), PaddedEngine(codec, 6, placement)
    for number, ((rows, frames), n_q) in enumerate(zip(STEPS, n_qs(32), strict=True)):
        audio = sound(codec, len(rows), frames, seed=number)
        wanted = plain.encode(rows, audio, n_q)
        codes = padded.encode(rows, audio, n_q)
        assert codes.dtype == np.uint16
        assert np.array_equal(codes, wanted)
        given = random_codes(codec, len(rows), frames, n_q, seed=number)
        given[0, :, n_q // 2 :] = -1
        assert np.array_equal(padded.decode(rows, given), plain.decode(rows, given))


@pytest.mark.parametrize("placement", [COMPACT, FIXED], ids=["compact", "fixed"])
@pytest.mark.parametrize("family", FAMILIES[1:])
def test_every_family_gives_the_same_in_any_shape(family: str, placement: Placement) -> None:
    codec = stream(family)
    codebooks = codec.config.quantizer.codebooks
    plain, padded = TorchEngine(codec, 6), PaddedEngine(codec, 6, placement)
    differing = total = 0
    for number, ((rows, frames), n_q) in enumerate(zip(STEPS, n_qs(codebooks), strict=True)):
        audio = sound(codec, len(rows), frames, seed=number)
        wrong = padded.encode(rows, audio, n_q) != plain.encode(rows, audio, n_q)
        differing, total = differing + int(wrong.sum()), total + wrong.size
        given = random_codes(codec, len(rows), frames, n_q, seed=number)
        heard, wanted = padded.decode(rows, given), plain.decode(rows, given)
        assert np.allclose(heard, wanted, rtol=0, atol=1e-5 * max(1.0, float(np.abs(wanted).max())))
    # Convolutions round by their shape, and a tie may fall either way.
    assert differing <= 0.01 * total


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fixed_shape_gives_a_row_the_same_bits_in_any_company_and_however_it_is_cut(family: str) -> None:
    codec = stream(family)
    n_q = codec.config.quantizer.codebooks
    own = sound(codec, 1, 9, seed=1)
    alone, crowded = PaddedEngine(codec, 20, FIXED), PaddedEngine(codec, 20, FIXED)
    wanted = alone.encode([2], own, n_q)
    hop, parts = codec.config.hop_samples, []
    for first, last, others in ((0, 1, 0), (1, 5, 11), (5, 7, 2), (7, 9, 19)):
        piece = own[:, first * hop : last * hop]
        company = sound(codec, others, last - first, seed=first)
        rows = [*[row for row in range(20) if row != 2][:others], 2]
        parts.append(crowded.encode(rows, np.concatenate((company, piece)), n_q)[-1:])
    assert np.array_equal(np.concatenate(parts, axis=1), wanted)


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("placement", [COMPACT, FIXED], ids=["compact", "fixed"])
def test_rows_that_do_not_step_keep_their_state_and_reset_rows_are_fresh(
    operation: Operation, placement: Placement
) -> None:
    codec = stream("spectral")
    engine, other = PaddedEngine(codec, 5, placement), PaddedEngine(codec, 5, placement)
    audio, codes = sound(codec, 1, 3), random_codes(codec, 1, 3, 32)

    def run(target: PaddedEngine, rows: list[int]) -> NDArray[np.generic]:
        if operation == Operation.ENCODE:
            return target.encode(rows, np.repeat(audio, len(rows), 0), 32)
        return target.decode(rows, np.repeat(codes, len(rows), 0))

    fresh = run(other, [1, 4])
    run(engine, [1, 4])
    run(engine, [0, 2, 3])
    continued = run(other, [4])
    engine.reset(operation, [1])
    assert np.array_equal(run(engine, [1]), fresh[:1])
    assert np.array_equal(run(engine, [4]), continued)
    assert not np.array_equal(continued, fresh[1:]), "or the test would show nothing"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_asks_for_nothing_that_a_graph_cannot_hold(family: str, dtype: torch.dtype) -> None:
    codec = ready(tiny_codec()) if family == "spectral" else copy.deepcopy(item_codec(family))
    codec.decoder.to(dtype)
    made = stream_of(codec)
    assert made is not None
    engine = PaddedEngine(made, 3, COMPACT)
    for runner in list(engine.runners.values())[::7]:
        launches = launches_of(runner.work)
        assert {"index_select", "index_copy_", "copy_"} <= launches.names, "or nothing was seen"
        assert not launches.waiting


def test_what_a_graph_cannot_hold_is_seen() -> None:
    values, mask = torch.ones(3), torch.tensor([True, False, True])

    def waits(work: Callable[[], object]) -> bool:
        return bool(launches_of(work).waiting)

    assert waits(lambda: values.sum().item())
    assert waits(lambda: bool(values.isfinite().all()))
    assert waits(lambda: values[mask])
    assert waits(lambda: values.nonzero())
    assert waits(lambda: torch.tensor([1, 2]))
    assert waits(lambda: values.to("meta"))
    assert not waits(lambda: values.clone().masked_fill_(mask, 0.0)[torch.arange(2)] * 2)


def test_what_a_step_gave_outlives_the_next() -> None:
    codec = stream("spectral")
    engine = PaddedEngine(codec, 2, COMPACT)
    first = engine.decode([0], random_codes(codec, 1, 2, 8, seed=1))
    codes = engine.encode([0], sound(codec, 1, 2, seed=1), 8)
    kept, kept_codes = first.copy(), codes.copy()
    engine.decode([0], random_codes(codec, 1, 2, 8, seed=2))
    engine.encode([0], sound(codec, 1, 2, seed=2), 8)
    assert np.array_equal(first, kept)
    assert np.array_equal(codes, kept_codes)


def test_steps_are_counted_and_more_rows_than_the_widest_shape_take_several() -> None:
    codec = stream("spectral")
    engine = PaddedEngine(codec, 20, FIXED)
    assert (engine.max_rows, PaddedEngine(codec, 20, COMPACT).max_rows) == (8, 32)
    assert engine.counters() == {"graph_steps": 0, "eager_steps": 0}
    engine.encode(range(20), sound(codec, 20, 2), 4)
    assert engine.counters() == {"graph_steps": 0, "eager_steps": 3 * 2}


def test_after_a_graph_fails_steps_run_without() -> None:
    """A recorded step is replaced by one that works and one that does not, for want of a device."""
    codec = stream("spectral")
    engine, plain = PaddedEngine(codec, 2, COMPACT), TorchEngine(codec, 2)
    audio = sound(codec, 1, 4)
    for runner in engine.runners.values():
        runner.graph = runner.work
    assert np.array_equal(engine.encode([0], audio, 8), plain.encode([0], audio, 8))
    assert engine.counters() == {"graph_steps": 1, "eager_steps": 0}

    def broken() -> None:
        raise RuntimeError("a kernel failed")

    for runner in engine.runners.values():
        runner.graph = broken
    with pytest.raises(RuntimeError, match="a kernel failed"):
        engine.encode([1], audio, 8)
    engine.reset(Operation.ENCODE, [1])
    assert np.array_equal(engine.encode([1], audio, 8), plain.encode([1], audio, 8))
    assert engine.counters() == {"graph_steps": 2, "eager_steps": 1}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("batching", ["compact", "fixed"])
def test_graphs_give_what_the_same_steps_give_launch_by_launch(batching: str) -> None:
    placement = Placement("cuda:0", "fixed" if batching == "fixed" else "compact")
    codec = ready(tiny_codec()).to("cuda:0")
    assert isinstance(codec, Codec)
    recorded = PaddedEngine(codec, 6, placement)
    launched = PaddedEngine(codec, 6, placement, with_graphs=False)
    for number, (rows, frames) in enumerate(STEPS):
        audio, codes = sound(codec, len(rows), frames, number), random_codes(codec, len(rows), frames, 8)
        assert np.array_equal(recorded.encode(rows, audio, 8), launched.encode(rows, audio, 8))
        assert np.array_equal(recorded.decode(rows, codes), launched.decode(rows, codes))
    assert recorded.counters()["graph_steps"]
    assert not launched.counters()["graph_steps"]
