"""`codecd encode` and `codecd decode`, from the command line to the files."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.cli import main
from codec.container import read_cdc
from tests.codec.models import publish_tiny
from tests.support import REPOSITORY_ROOT, voiced

RATE = 16000

pytestmark = pytest.mark.usefixtures("single_thread")

Run = Callable[..., int]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    publish_tiny(folder, "stream_16k")
    publish_tiny(folder, "other", seed=1)
    return folder


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command with the repository set by the environment; arguments may be paths and numbers."""
    monkeypatch.setenv("CODECD_REPOSITORY", str(root))
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    soundfile.write(path, voiced(1.234), RATE)
    return path


def command(root: Path, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "codec.cli", *map(str, arguments), "--repository", str(root)]


def test_there_and_back_as_real_commands(root: Path, clip: Path, tmp_path: Path) -> None:
    tokens, decoded = tmp_path / "clip.cdc", tmp_path / "decoded.wav"
    for arguments in (("encode", clip, tokens, "--n-q", "4"), ("decode", tokens, decoded)):
        done = subprocess.run(
            command(root, *arguments), cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert read_cdc(tokens).n_q == 4
    assert soundfile.info(decoded).frames == soundfile.info(clip).frames
    assert soundfile.info(decoded).samplerate == RATE


def peak_bytes(arguments: list[list[str | Path]]) -> int:
    """Peak memory of one process that runs several commands of codecd.

    As the process sees it: what `wait4` tells counts the parent, too, whose memory a child starts with.
    """
    commands = [[str(part) for part in one] for one in arguments]
    program = (
        "import re\nfrom pathlib import Path\nfrom codec.cli import main\n"
        f"assert not any([main(command) for command in {commands!r}])\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout) * 1024


def test_a_long_file_takes_no_more_memory_than_a_short_one(root: Path, tmp_path: Path) -> None:
    """Ten minutes are 38 MB of samples and 185 MB of features; none of that may pile up."""
    peaks = []
    for minutes in (0.2, 10):
        source, tokens, decoded = (tmp_path / f"{minutes}{suffix}" for suffix in (".wav", ".cdc", ".flac"))
        n_samples = round(minutes * 60 * RATE)
        noise = np.random.default_rng(0).standard_normal(n_samples, np.float32) * 0.05
        soundfile.write(source, noise, RATE)
        options: list[str | Path] = ["--repository", root]
        there, back = ["encode", source, tokens, *options], ["decode", tokens, decoded, *options]
        peaks.append(peak_bytes([there, back]))
        assert soundfile.info(decoded).frames == n_samples
    assert peaks[1] - peaks[0] < 20e6


def test_an_interrupt_ends_it_and_leaves_nothing_half_done(root: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in" / "long.wav", tmp_path / "out"
    source.parent.mkdir()
    soundfile.write(source, np.zeros(3600 * RATE, np.int16), RATE)
    arguments = command(root, "encode", source.parent, target)
    # A shell's background job, as which this may run, ignores interrupts, and its children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(arguments, cwd=REPOSITORY_ROOT, stderr=subprocess.PIPE, preexec_fn=heed) as process:
        try:
            deadline = time.monotonic() + 60
            while not any(target.glob(".*.part")):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"codecd: interrupted" in told
    assert list(target.iterdir()) == []


def test_the_options_choose_the_codebooks(run: Run, clip: Path, tmp_path: Path) -> None:
    assert run("encode", clip, tmp_path / "default.cdc") == 0
    # Eight by default, but the model has six.
    assert read_cdc(tmp_path / "default.cdc").n_q == 6
    assert run("encode", clip, tmp_path / "a.cdc", "--n-q", 3) == 0
    assert run("encode", clip, tmp_path / "b.cdc", "--bitrate", 600) == 0
    assert (read_cdc(tmp_path / "a.cdc").n_q, read_cdc(tmp_path / "b.cdc").n_q) == (3, 2)
    assert read_cdc(tmp_path / "b.cdc").bitrate_bps == 600


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--bitrate", 700), "no bitrate of 700 bit/s; choose one of 300, 600, 900, 1200, 1500, 1800"),
        (("--n-q", 0), "n_q is 0; this model has codebooks 1..6"),
        (("--n-q", 7), "n_q is 7; this model has codebooks 1..6"),
        (("--model", "nobody", "--n-q", 1), "there is no model 'nobody'"),
        (("--model", "other@canary", "--n-q", 1), "other has no channel 'canary'; its channels: stable"),
    ],
)
def test_what_cannot_be_asked_for_is_explained(
    run: Run,
    clip: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str | int, ...],
    complaint: str,
) -> None:
    target = clip.with_suffix(".cdc")
    assert run("encode", clip, target, *options) == 1
    assert complaint in capsys.readouterr().err
    assert not target.exists()


def test_n_q_and_bitrate_exclude_each_other(run: Run, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("encode", clip, clip.with_suffix(".cdc"), "--n-q", 1, "--bitrate", 300)
    assert "not allowed with argument" in capsys.readouterr().err


def test_an_existing_output_stays_unless_forced(
    run: Run, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens, decoded = tmp_path / "a.cdc", tmp_path / "a.wav"
    for path in (tokens, decoded):
        path.write_text("mine")
    assert run("encode", clip, tokens, "--n-q", 1) == 1
    assert tokens.read_text() == "mine"
    assert "use --force to overwrite it" in capsys.readouterr().err
    assert run("encode", clip, tokens, "--n-q", 1, "--force") == 0
    assert run("decode", tokens, decoded) == 1
    assert decoded.read_text() == "mine"
    assert run("decode", tokens, decoded, "--force") == 0
    assert soundfile.info(decoded).frames == soundfile.info(clip).frames


def make_recordings(folder: Path) -> dict[str, int]:
    """Recordings of known lengths; returns samples at 16 kHz by name without suffix."""
    lengths = {"a": (1.0, RATE, "wav"), "deep/b": (0.5, 8000, "flac"), "deep/er/c": (0.7, RATE, "wav")}
    for name, (seconds, rate, suffix) in lengths.items():
        path = folder / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, voiced(seconds, sample_rate_hz=rate), rate)
    return {name: round(seconds * RATE) for name, (seconds, _, _) in lengths.items()}


def test_a_directory_there_and_back_with_one_broken_file_each_way(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings, tokens, decoded = tmp_path / "in", tmp_path / "tokens", tmp_path / "out"
    lengths = make_recordings(recordings)
    (recordings / "broken.wav").write_bytes(b"RIFF and no more")
    assert run("encode", recordings, tokens, "--n-q", 2) == 1
    told = capsys.readouterr().err
    assert f"codecd: {recordings / 'broken.wav'}: " in told
    assert "1 of 4 files failed" in told
    assert sorted(p.relative_to(tokens).as_posix() for p in tokens.rglob("*.*")) == [
        f"{name}.cdc" for name in sorted(lengths)
    ]
    (tokens / "0 first.cdc").write_bytes(b"no tokens")
    assert run("decode", tokens, decoded) == 1
    assert "0 first.cdc: this is no .cdc file" in capsys.readouterr().err
    found = {
        p.relative_to(decoded).with_suffix("").as_posix(): soundfile.info(p).frames
        for p in decoded.rglob("*.wav")
    }
    assert found == lengths


def test_every_file_of_a_directory_is_decoded_by_its_own_model(run: Run, clip: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    for model in ("stream_16k", "other"):
        assert run("encode", clip, tokens / f"{model}.cdc", "--model", model, "--n-q", 2) == 0
    assert run("decode", tokens, tmp_path / "out") == 0
    sounds = [soundfile.read(tmp_path / "out" / f"{model}.wav")[0] for model in ("stream_16k", "other")]
    assert len(sounds[0]) == len(sounds[1]) == soundfile.info(clip).frames
    assert not np.array_equal(sounds[0], sounds[1])


def test_tokens_of_another_model_are_refused(
    run: Run, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("encode", clip, tmp_path / "a.cdc", "--n-q", 2) == 0
    assert run("decode", tmp_path / "a.cdc", tmp_path / "a.wav", "--model", "other") == 1
    assert "decode it with --model stream_16k@1-" in capsys.readouterr().err
    assert not (tmp_path / "a.wav").exists()


def test_a_version_folder_is_a_model(run: Run, root: Path, clip: Path, tmp_path: Path) -> None:
    (version,) = (root / "other" / "versions").iterdir()
    assert run("encode", clip, tmp_path / "a.cdc", "--model", version, "--n-q", 1) == 0
    assert read_cdc(tmp_path / "a.cdc").model == "other"


def test_a_cut_recording_is_encoded_and_told(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "cut.flac"
    soundfile.write(source, voiced(4), RATE)
    source.write_bytes(source.read_bytes()[:-8000])
    assert run("encode", source, tmp_path / "a.cdc", "--n-q", 1) == 0
    assert "ends too early" in capsys.readouterr().err
    assert read_cdc(tmp_path / "a.cdc").n_frames > 10


def test_a_damaged_file_is_recovered_when_asked(
    run: Run, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(clip, voiced(15), RATE)
    tokens = tmp_path / "a.cdc"
    assert run("encode", clip, tokens) == 0
    content = bytearray(tokens.read_bytes())
    content[len(content) // 2] ^= 255
    tokens.write_bytes(content)
    assert run("decode", tokens, tmp_path / "a.wav") == 1
    assert "--recover" in capsys.readouterr().err
    assert run("decode", tokens, tmp_path / "a.wav", "--recover") == 0
    assert "lost frames 300 to 599" in capsys.readouterr().err
    assert soundfile.info(tmp_path / "a.wav").frames == 15 * RATE


def test_a_model_without_tables_compresses_nothing(
    run: Run, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("encode", clip, tmp_path / "a.cdc", "--compress") == 1
    assert "codecd tables" in capsys.readouterr().err
    assert not (tmp_path / "a.cdc").exists()
