"""Bodies to samples, inside the loop and in confined processes alike."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from codec.audio import read_audio
from service.config import Limits
from service.frontend.call import Call
from service.frontend.decoder_pool import DecoderPool, PoolConfig
from service.frontend.intake import AudioBody, Intake, RawFormat, write_samples
from service.model_info import ModelInfo
from service.status import Condition, ServiceError
from tests.service.frontend import bodies

_INFO = ModelInfo("m", "1-a", "s", 16_000, 1, 320, 352, 32, 1024, True, 4)
_STEREO = ModelInfo("m", "1-a", "s", 48_000, 2, 320, 352, 32, 1024, True, 4)


@pytest_asyncio.fixture
async def intake() -> AsyncIterator[Intake]:
    """An intake with one confined process."""
    pool = DecoderPool(PoolConfig(processes=1), rejected=lambda reason: None)
    yield Intake(Limits(), pool)
    pool.close()


async def test_the_loop_and_the_process_give_the_same_samples(intake: Intake) -> None:
    with Call(20) as call:
        in_loop = await intake.read(AudioBody(bodies.sound_file(1.0)), _INFO, call)
        in_process = await intake.read(AudioBody(bodies.sound_file(1.0, form="FLAC")), _INFO, call)
    assert in_loop.shape == (16_000, 1)
    assert np.array_equal(in_loop, in_process)


async def test_samples_are_brought_to_the_form_of_the_model(intake: Intake) -> None:
    with Call(20) as call:
        wide = await intake.read(AudioBody(bodies.sound_file(0.5)), _STEREO, call)
        stereo = await intake.read(AudioBody(bodies.sound_file(0.5, 48_000, 2)), _STEREO, call)
        raw = RawFormat("pcm_s16le", 8_000, 2)
        narrow = await intake.read(AudioBody(bytes(4 * 800), raw), _INFO, call)
    assert wide.shape == stereo.shape == (24_000, 2)
    assert narrow.shape == (1_600, 1)


async def test_files_are_written_in_the_loop_and_in_the_process(intake: Intake) -> None:
    short = np.full((1_600, 1), 0.25, np.float32)
    long = np.full((700_000, 1), 0.25, np.float32)
    with Call(20) as call:
        for samples, form in ((short, "wav"), (short, "flac"), (long, "wav")):
            content = await intake.write(samples, 16_000, "flac" if form == "flac" else "wav", call)
            assert np.array_equal(read_audio(content, 16_000).samples, samples.T)


def test_a_model_that_gives_nan_is_at_fault_itself() -> None:
    with pytest.raises(ServiceError, match="model") as caught:
        write_samples(np.full((10, 1), np.nan, np.float32), 16_000, "wav")
    assert caught.value.condition is Condition.INTERNAL
