"""Label files: every format says the same, every label hop has one, and what is wrong is named by line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codec.errors import InvalidRequestError
from codec.seanet_config import SemanticConfig
from codec.semantic_labels import LabelFiles, LabelSource, read_labels, read_vocabulary
from codec.side import Labels
from tests.codec.seanets import small_config
from tests.support import SAMPLE_RATE_HZ

HOP = 160
SEMANTIC = SemanticConfig(combine="residual", labels=10, hop_samples=HOP)
NAMES = {"sil": 0, "aa": 1, "b": 2}

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def read(path: Path, n_samples: int, vocabulary: dict[str, int] | None = None) -> Labels:
    return read_labels(path, SEMANTIC, n_samples, SAMPLE_RATE_HZ, vocabulary)


def refused(path: Path, match: str, n_samples: int = 1600, vocabulary: dict[str, int] | None = None) -> None:
    with pytest.raises(InvalidRequestError, match=match):
        read(path, n_samples, vocabulary)


def test_all_formats_say_the_same(write: Write, tmp_path: Path) -> None:
    spoken = [0] * 3 + [1] * 5 + [2] * 2
    array = tmp_path / "a.npy"
    np.save(array, np.array(spoken, np.int64))
    plain = write("a.txt", "\n".join(map(str, spoken)))
    named = write("b.txt", " ".join(("sil", "aa", "b")[label] for label in spoken))
    seconds = write("a.lab", "0.0 0.03 sil\n0.03 0.08 aa\n0.08 0.1 b\n")
    samples = write("b.lab", "0 480 0\n480\t1280\t1\n\n1280 1600 2\n")
    for path, vocabulary in ((array, None), (plain, None), (named, NAMES), (seconds, NAMES), (samples, None)):
        labels = read(path, 1600, vocabulary)
        assert labels.dtype == np.uint16
        assert labels.tolist() == spoken, path


@pytest.mark.parametrize("n_samples", [1, 80, 159, 160, 161, 1599, 1600, 1601])
def test_every_length_gets_a_label_for_every_hop(write: Write, n_samples: int) -> None:
    need = -(-n_samples // HOP)
    counted = write("a.txt", "3 " * need)
    spoken = write("a.lab", f"0 {n_samples} 3\n")
    assert read(counted, n_samples).tolist() == read(spoken, n_samples).tolist() == [3] * need


def test_a_hop_has_the_label_of_its_middle(write: Write) -> None:
    assert read(write("a.lab", "0 239 1\n239 480 2\n"), 480).tolist() == [1, 2, 2]
    assert read(write("b.lab", "0 241 1\n241 480 2\n"), 480).tolist() == [1, 1, 2]


def test_small_gaps_belong_to_what_stands_before(write: Write) -> None:
    path = write("a.lab", "10 160 1\n240 480 2\n")
    assert read(path, 480).tolist() == [1, 2, 2]
    assert read(write("b.lab", "0 160 1\n320 480 2\n"), 480).tolist() == [1, 1, 2]
    refused(write("c.lab", "0 160 1\n321 480 2\n"), r"c\.lab, line 2: nothing is said .* before 321", 480)
    refused(write("d.lab", "200 480 2\n"), r"d\.lab, line 1: nothing is said", 480)


def test_the_last_label_goes_on_where_few_are_missing(write: Write) -> None:
    """HuBERT counts windows of 400 samples: up to two labels fewer than the audio has hops."""
    assert read(write("a.txt", "1 2 3"), 5 * HOP).tolist() == [1, 2, 3, 3, 3]
    assert read(write("b.txt", "1 2 3 4 5 6"), 5 * HOP).tolist() == [1, 2, 3, 4, 5]
    assert read(write("a.lab", "0 480 4\n"), 5 * HOP).tolist() == [4] * 5
    refused(write("c.txt", "1 2"), "has 2 labels; the audio needs 5", 5 * HOP)
    refused(write("d.txt", "1 2 3 4 5 6 7"), "has 7 labels; the audio needs 5", 5 * HOP)
    refused(write("e.txt", ""), "has 0 labels; the audio needs 1", 80)
    refused(write("c.lab", "0 320 4\n"), "ends at sample 320, the audio at 800", 5 * HOP)
    refused(write("d.lab", "0 1000 4\n"), "ends at sample 1000, the audio at 800", 5 * HOP)
    refused(write("e.lab", ""), "ends at sample 0", 5 * HOP)


def test_times_of_another_unit_are_noticed(write: Write) -> None:
    refused(write("htk.lab", "0 500000 1\n500000 1000000 2\n"), "ends at sample 1000000")
    refused(write("whole.lab", "0 1 1\n1 2 2\n"), "in seconds with a point", 32000)
    assert len(read(write("points.lab", "0 1.0 1\n1 2 2\n"), 32000)) == 200


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 800 1\n700 1600 2\n", "line 2: the interval starts at 700, inside"),
        ("0 800 1\n\n800 800 2\n", "line 3: the interval ends at 800, before"),
        ("800 1600 1\n0 800 2\n", "line 1: nothing is said"),
        ("0 800\n", "line 1: not `start end label`"),
        ("0 800 1 word\n", "line 1: not `start end label`"),
        ("0 nan 1\n", "line 1: not `start end label`"),
        ("-1 800 1\n", "line 1: not `start end label`"),
        ("0 1e9 1\n", "line 1: not `start end label`"),
        ("0 1600 aa\n", "line 1: 'aa' is no integer"),
        ("0 1600 10\n", r"line 1: '10' is label 10; the model has 0\.\.9"),
        ("0 1600 -1\n", "line 1: '-1' is no integer"),
        ("0 1600 \u0661\n", "line 1: '\u0661' is no integer"),
    ],
)
def test_wrong_intervals_are_named_by_line(write: Write, text: str, match: str) -> None:
    refused(write("a.lab", text), f"a.lab, {match}")


def test_unknown_names_are_named_by_line(write: Write) -> None:
    refused(write("a.lab", "0 800 sil\n800 1600 zh\n"), "line 2: 'zh' is not in the vocabulary", 1600, NAMES)
    refused(write("a.txt", "sil aa\nb 7"), "line 2: '7' is not in the vocabulary", 640, NAMES)
    refused(write("b.txt", "sil"), "'sil' is label 12; the model has", 160, {"sil": 12})


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((10, 1), np.int64), "write integers along one axis"),
        (np.zeros(10, np.float32), "write integers"),
        (np.zeros(10, bool), "write integers"),
        (np.full(10, 10), r"label 0 is 10; the model has 0\.\.9"),
        (np.array([0] * 9 + [-1]), r"label 9 is -1"),
        (np.array(["a"] * 10), "write integers"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, array: np.ndarray, match: str) -> None:
    np.save(tmp_path / "a.npy", array)
    refused(tmp_path / "a.npy", match)


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}] * 10, dtype=object), allow_pickle=True)
    refused(tmp_path / "a.npy", "no array of integers")


@pytest.mark.parametrize("shape", [(10**7,), (10**30,), (-1,), (2**63,)])
def test_sizes_that_the_file_does_not_have_are_refused(tmp_path: Path, shape: tuple[int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<i8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(80))
    refused(tmp_path / "a.npy", "no array of integers")


@pytest.mark.filterwarnings("ignore:Reading")
def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(10))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole[: rng.integers(len(whole) + 1)])
        for place in rng.integers(0, max(1, len(damaged)), 2):
            damaged[place : place + 1] = rng.bytes(1)
        path.write_bytes(damaged)
        try:
            labels = read(path, 1600)
        except InvalidRequestError:
            continue
        assert labels.shape == (10,)
        assert labels.max() < 10


def test_what_is_no_label_file_is_refused(write: Write, tmp_path: Path) -> None:
    refused(write("a.csv", "0,1"), r"must end in \.lab, \.txt, \.npy")
    refused(tmp_path / "missing.lab", "cannot be read")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    refused(tmp_path / "b.txt", "cannot be read as text")


def test_vocabularies_count_from_0_or_as_they_say(write: Write) -> None:
    assert read_vocabulary(write("v", "sil\naa\n\nb\n")) == NAMES
    shared = read_vocabulary(write("w", "sil 0\nAA0 1\nAA1 1\n"))
    assert shared == {"sil": 0, "AA0": 1, "AA1": 1}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "names nothing"),
        ("sil\naa 1\n", "line 2: every line must hold"),
        ("sil 0 x\n", "line 1: every line must hold"),
        ("sil x\n", "line 1: 'x' is no label"),
        ("sil\n\nsil\n", "line 3: 'sil' stands there a second time"),
    ],
)
def test_wrong_vocabularies_are_named_by_line(write: Write, text: str, match: str) -> None:
    with pytest.raises(InvalidRequestError, match=match):
        read_vocabulary(write("v", text))


def silence(hops: int) -> np.ndarray:
    return np.zeros((1, hops * HOP), np.float32)


def test_a_directory_of_labels_mirrors_that_of_recordings(write: Write, tmp_path: Path) -> None:
    config = small_config("semantic_add")
    write("labels/x/a.lab", "0 320 aa")
    write("labels/b.txt", "sil\nb")
    (tmp_path / "audio").mkdir()
    vocabulary = write("names", "sil\naa\nb")
    source = LabelFiles(tmp_path / "labels", tmp_path / "audio", config, vocabulary)
    assert source.labels(tmp_path / "audio" / "x" / "a.wav", silence(2)).tolist() == [1, 1]
    assert source.labels(tmp_path / "audio" / "b.flac", silence(2)).tolist() == [0, 2]
    with pytest.raises(InvalidRequestError, match=r"0 files are .*/labels/c ending in"):
        source.labels(tmp_path / "audio" / "c.wav", silence(2))
    write("labels/b.lab", "0 320 aa")
    with pytest.raises(InvalidRequestError, match="2 files are"):
        source.labels(tmp_path / "audio" / "b.flac", silence(2))


def test_one_recording_has_its_file_or_one_of_its_name(write: Write, tmp_path: Path) -> None:
    config = small_config("semantic_add")
    path = write("labels/a.txt", "7 8")
    for labels in (path, path.parent):
        source: LabelSource = LabelFiles(labels, tmp_path / "a.wav", config)
        assert source.labels(tmp_path / "a.wav", silence(2)).tolist() == [7, 8]


def test_what_cannot_be_a_source_is_refused(write: Write, tmp_path: Path) -> None:
    path = write("labels/a.txt", "7 8")
    config = small_config("semantic_add")
    with pytest.raises(InvalidRequestError, match="no semantic stream"):
        LabelFiles(path, tmp_path / "a.wav", small_config("encodec_16k"))
    with pytest.raises(InvalidRequestError, match="one file for a directory"):
        LabelFiles(path, tmp_path, config)
    with pytest.raises(InvalidRequestError, match="does not exist"):
        LabelFiles(tmp_path / "nowhere", tmp_path, config)
