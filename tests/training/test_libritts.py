"""LibriTTS by torchaudio's list of it."""

from pathlib import Path

import pytest

from codec.audio import read_audio
from codec.errors import ConfigError
from tests.training.libritts_tree import write_subset
from training.libritts import LibriTts


def test_the_list_is_that_of_torchaudio_and_every_file_can_be_read(tmp_path: Path) -> None:
    from torchaudio.datasets import LIBRITTS

    expected = write_subset(tmp_path, "train-clean-100", {"103/1241": 2, "103/1240": 1, "26/495": 2})
    write_subset(tmp_path, "dev-clean", {"84/121123": 1})
    corpus = LibriTts(tmp_path, "train-clean-100")
    assert corpus.files() == expected
    assert len(expected) == len(LIBRITTS(tmp_path, "train-clean-100"))
    assert [len(read_audio(path, 16_000).samples[0]) for path in corpus.files()] == [4800] * 5


def test_an_utterance_without_transcripts_is_heard_all_the_same(tmp_path: Path) -> None:
    (utterance,) = write_subset(tmp_path, "dev-clean", {"84/121123": 1})
    for text in utterance.parent.glob("*.txt"):
        text.unlink()
    assert LibriTts(tmp_path, "dev-clean").files() == [utterance]


def test_a_source_names_the_folder_and_the_subset(tmp_path: Path) -> None:
    assert LibriTts.parse(Path("libritts:/a:b/c:dev-clean")) == LibriTts(Path("/a:b/c"), "dev-clean")
    assert LibriTts.parse(tmp_path) is None
    for half in ("libritts:", "libritts:dev-clean", "libritts::dev-clean", "libritts:x:"):
        with pytest.raises(ConfigError, match="write libritts:FOLDER:train-clean-100"):
            LibriTts.parse(Path(half))


def test_a_corpus_that_is_not_there_is_never_downloaded(tmp_path: Path) -> None:
    write_subset(tmp_path, "dev-clean", {"84/121123": 1})
    for corpus in (LibriTts(tmp_path, "dev-other"), LibriTts(tmp_path / "nowhere", "dev-clean")):
        with pytest.raises(ConfigError, match=r"unpack dev-.*\.tar\.gz of LibriTTS"):
            corpus.files()
