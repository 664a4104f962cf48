"""What a run shows: pictures, sounds and code use land in the event file."""

from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter

from codec.model import Codec
from tests.support import voiced
from tests.training.tiny import TINY
from training.data import Batch
from training.listening import Listener


@pytest.fixture
def events(tmp_path: Path) -> EventAccumulator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codec = Codec(TINY).requires_grad_(False)
        codec.quantizer.codebooks.normal_()
    with SummaryWriter(str(tmp_path)) as writer:
        excerpt = torch.from_numpy(voiced(2)).view(1, 1, -1)
        listener = Listener(writer, Batch(excerpt), TINY.sample_rate)
        for step in (10, 20):
            listener.listen(codec, step)
    found = EventAccumulator(str(tmp_path), {"scalars": 0, "images": 0, "audio": 0})
    found.Reload()
    return found


def test_original_and_reconstructions_can_be_heard(events: EventAccumulator) -> None:
    tags = events.Tags()["audio"]
    # 8 and 32 codebooks are more than the model has: one excerpt with all of them.
    assert sorted(tags) == ["n_q_2", "n_q_4", "original"]
    for tag in tags:
        sound = events.Audio(tag)[-1]
        assert sound.content_type == "audio/wav"
        assert sound.encoded_audio_string.startswith(b"RIFF")
    sizes = {len(events.Audio(tag)[0].encoded_audio_string) for tag in tags}
    assert sizes == {44 + 2 * 32000}
    assert [sound.step for sound in events.Audio("n_q_2")] == [10, 20]


def test_pictures_stand_beside_them(events: EventAccumulator) -> None:
    assert sorted(events.Tags()["images"]) == ["n_q_2", "n_q_4", "original"]
    picture = events.Images("original")[0]
    assert (picture.height, picture.width) == (80, 126)
    assert picture.encoded_image_string != events.Images("n_q_2")[0].encoded_image_string


def test_the_use_of_every_codebook_is_a_curve(events: EventAccumulator) -> None:
    tags = [f"codebook_{what}/{stage:02d}" for what in ("perplexity", "used_share") for stage in range(4)]
    assert sorted(events.Tags()["scalars"]) == tags
    for tag in tags:
        low, high = (1, 16) if "perplexity" in tag else (1 / 16, 1)
        assert low <= events.Scalars(tag)[0].value <= high
