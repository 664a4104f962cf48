"""Recordings made ready."""

from pathlib import Path

import pytest
import torch

from codec.checkpoint import LoadedCodec, open_codec
from codec.errors import InvalidRequestError
from tests.codec.models import publish_tiny
from tests.support import speech
from tests.training.probe.recordings import write_recordings
from training.evaluation.clips import Clip, find_clips
from training.probe.corpus import Preparation
from training.probe.phones import CLASSES

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedCodec:
    publish_tiny(tmp_path / "models")
    return open_codec("tiny", tmp_path / "models")


def test_labels_are_read_and_what_cannot_be_used_is_told(loaded: LoadedCodec, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    audio = write_recordings(tmp_path / "audio", labels, count=2, seed=0)
    for name in ("broken", "speechless"):
        (labels / f"{name}.lab").write_text("0.0 2.0 SIL\n")
    (audio / "broken.wav").write_bytes(b"no audio")
    (audio / "speechless.wav").write_bytes((audio / "0_0.wav").read_bytes())
    corpus = Preparation(loaded, 2, labels).corpus(find_clips(audio), "test")
    assert [item.name for item in corpus.utterances] == ["0_0.wav", "0_1.wav"]
    assert [(item.name, item.reason[:10]) for item in corpus.skipped] == [
        ("broken.wav", "the input "),
        ("speechless.wav", "its labels"),
    ]
    assert corpus.seconds == pytest.approx(4.0)
    first = corpus.utterances[0]
    assert first.classes.dtype == torch.int64
    assert {len(frames) for frames in first.inputs.values()} == {100} == {len(first.classes)}
    assert not first.classes[:10].any()
    assert {CLASSES[int(index)] for index in first.classes[10:]} <= {"AA", "IY", "S"}


def test_nothing_to_use_is_an_error(loaded: LoadedCodec, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no audio")
    with pytest.raises(InvalidRequestError, match=r"none of the 1 recordings can be used; .* a\.wav: "):
        Preparation(loaded, 2, None).corpus([Clip(tmp_path / "a.wav", "a.wav")], "test")


def test_what_has_no_labels_is_recognised_once(loaded: LoadedCodec, tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    clip, labels = speech(1)[0], tmp_path / "labels"
    preparation = Preparation(loaded, 2, labels)
    # A name that points out of the folder of labels stays in it.
    clips = [Clip(clip, "../deep/clip.flac")]
    found = preparation.corpus(clips, "test").utterances[0].classes
    assert [path.relative_to(labels) for path in labels.rglob("*.lab")] == [Path("deep/clip.lab")]
    assert int((found > 0).sum()) > 0.5 * len(found)
    (labels / "deep" / "clip.lab").write_text("0.00 3.33 AA\n")
    again = preparation.corpus(clips, "test").utterances[0].classes
    assert set(again.tolist()) == {CLASSES.index("AA")}
