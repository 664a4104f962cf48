"""Lists of recordings: what they name, and what is refused with its line."""

from pathlib import Path

import pytest

from codec.audio_list import ListedFile, is_audio_list, read_audio_list
from codec.errors import ConfigError


def test_a_list_gives_paths_ids_and_labels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,file,labels\none,b.wav,b.lab\n,deep/a.FLAC,\n")
    (tmp_path / "a.jsonl").write_text('{"path": "x.wav", "id": 7}\n\n{"path": "/y.wav"}\n')
    (tmp_path / "wav.scp").write_text("utt1 b c.wav\n")
    assert list(read_audio_list(tmp_path / "a.csv")) == [
        ListedFile(tmp_path / "b.wav", "one", tmp_path / "b.lab"),
        ListedFile(tmp_path / "deep/a.FLAC"),
    ]
    assert [(listed.id, listed.path) for listed in read_audio_list(tmp_path / "a.jsonl")] == [
        ("7", tmp_path / "x.wav"),
        (None, Path("/y.wav")),
    ]
    assert list(read_audio_list(tmp_path / "wav.scp")) == [ListedFile(tmp_path / "b c.wav", "utt1")]


def test_the_ending_tells_a_list() -> None:
    assert [is_audio_list(Path(name)) for name in ("a.csv", "wav.scp", "a.wav", "folder")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("w.scp", "a x.wav\nb sph2pipe -f wav x.sph |\n", r"w\.scp, line 2: a pipe"),
        ("w.scp", "lonely\n", "line 1: not `name path`"),
        ("m.csv", "name\nx.wav\n", "line 2: no path or file; add it"),
        ("m.jsonl", '{"path": "x.wav"}\n{path}\n', "line 2: no JSON"),
        ("m.jsonl", b"\xff\xfe", "is no text"),
        ("m.txt", "x.wav\n", r"is no folder, no \.csv"),
    ],
)
def test_what_does_not_parse_is_refused(name: str, text: str | bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=complaint):
        list(read_audio_list(tmp_path / name))
