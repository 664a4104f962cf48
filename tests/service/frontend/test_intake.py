"""Bodies to samples, inside the loop and in confined processes alike."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from codec.audio import AudioFormat, read_audio
from service.config import Limits
from service.frontend.call import Call
from service.frontend.decoder_pool import DecoderPool, PoolConfig
from service.frontend.intake import AudioBody, Intake, RawFormat, form_of
from service.model_info import ModelInfo
from service.samples import Pcm, SampleForm, pack, unpack
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
    assert in_loop.n_samples == in_process.n_samples == 16_000
    assert np.array_equal(_heard(in_loop, 1), _heard(in_process, 1))


async def test_16_bits_go_on_as_they_came_and_all_else_as_floats(intake: Intake) -> None:
    raw = RawFormat("pcm_s16le", 16_000, 1)
    with Call(20) as call:
        wav = await intake.read(AudioBody(bodies.sound_file(1.0)), _INFO, call)
        long = await intake.read(AudioBody(bodies.sound_file(60.0)), _INFO, call)
        pcm = await intake.read(AudioBody(bytes(3200), raw), _INFO, call)
        floats = await intake.read(AudioBody(bytes(3200), RawFormat("pcm_f32le", 16_000, 1)), _INFO, call)
        flac = await intake.read(AudioBody(bodies.sound_file(1.0, form="FLAC")), _INFO, call)
    assert [item.form for item in (wav, long, pcm, floats, flac)] == [SampleForm.S16] * 3 + [
        SampleForm.F32
    ] * 2
    assert [item.n_samples for item in (wav, long, pcm, floats, flac)] == [16_000, 960_000, 1600, 800, 16_000]
    assert [len(item.content) for item in (wav, pcm, floats)] == [32_000, 3200, 3200]


async def test_samples_are_brought_to_the_form_of_the_model(intake: Intake) -> None:
    with Call(20) as call:
        wide = await intake.read(AudioBody(bodies.sound_file(0.5)), _STEREO, call)
        stereo = await intake.read(AudioBody(bodies.sound_file(0.5, 48_000, 2)), _STEREO, call)
        raw = RawFormat("pcm_s16le", 8_000, 2)
        narrow = await intake.read(AudioBody(bytes(4 * 800), raw), _INFO, call)
    assert _heard(wide, 2).shape == _heard(stereo, 2).shape == (24_000, 2)
    assert _heard(narrow, 1).shape == (1_600, 1)


@pytest.mark.parametrize("audio_format", ["wav", "flac", "pcm_s16le", "pcm_f32le"])
@pytest.mark.parametrize("n_samples", [1_600, 700_000])
async def test_files_hold_the_samples(intake: Intake, audio_format: AudioFormat, n_samples: int) -> None:
    samples = np.full((n_samples, 2), 0.25, np.float32)
    form = form_of(audio_format)
    with Call(20) as call:
        content = await intake.write(Pcm(pack(samples, form), form, n_samples), _STEREO, audio_format, call)
    if audio_format in ("wav", "flac"):
        heard = read_audio(content, 48_000, channels=2).samples.T
    else:
        heard = unpack(content, form, 2)
    assert np.array_equal(heard, samples)


def _heard(pcm: Pcm, channels: int) -> NDArray[np.float32]:
    return unpack(pcm.content, pcm.form, channels)
