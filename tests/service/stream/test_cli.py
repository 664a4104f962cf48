"""`codecd stream` in a pipeline: what goes in comes out, at once and whole, however it ends."""

import io
import os
import pty
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.audio import AudioLimits, parse_wav
from codec.cli import main
from codec.container import CdcReader, read_cdc
from codec.tokens import from_wire
from service.client.sources import Samples
from service.config import CallerLimits
from service.frontend.keys import Scope, add_key
from tests.service.echo_worker import CODEBOOK_SIZE, DELAY_SAMPLES, HOP_SAMPLES, SAMPLE_RATE, frames_of
from tests.service.frontend.harness import Service, running, wait_until
from tests.service.stream.pipeline import CLIP, FRAMES, HEARD, PATIENCE_SECONDS, PCM, codes, run, start
from tests.support import free_port

pytestmark = pytest.mark.timeout(300)

_TOLERANCE = 2.0**-15
"""Of 16 bits."""


def _samples(wav: bytes) -> Samples:
    audio = parse_wav(wav, AudioLimits())
    assert audio is not None
    samples: Samples = audio.samples[0]
    return samples


def test_pcm_becomes_a_whole_token_file_and_a_line_of_figures(service: Service) -> None:
    written, errors = run(service, "encode", "--n-q", "4", "--rate", "16000", given=PCM)
    tokens = read_cdc(written)
    assert (tokens.model, tokens.n_q, tokens.n_samples) == ("echo_16k", 4, len(CLIP))
    assert tokens.n_frames == frames_of(len(CLIP))
    assert np.array_equal(tokens.codes[:, : FRAMES - 1], codes(4)[:, : FRAMES - 1])
    assert "encode by echo_16k@1-aaaaaaaaaaaa" in errors
    assert "lateness p50" in errors
    assert "2.00 kbit/s" in errors


def test_a_file_is_resampled_and_every_form_of_pcm_says_the_same(service: Service, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", CLIP, SAMPLE_RATE)
    of_file, _ = run(service, "encode", str(tmp_path / "clip.wav"), "--bitrate", "2400", "--realtime")
    of_floats, _ = run(service, "encode", "--pcm", "f32le", "--n-q", "4", given=CLIP.tobytes())
    assert np.array_equal(read_cdc(of_file).codes, read_cdc(of_floats).codes)


def test_a_pipe_of_two_decodes_what_it_encodes(service: Service) -> None:
    with start(service, "encode") as encoding, start(service, "decode", stdin=encoding.stdout) as decoding:
        encoding.stdin.write(PCM)
        encoding.stdin.close()
        wav = decoding.stdout.read()
    assert (encoding.returncode, decoding.returncode) == (0, 0)
    assert np.abs(_samples(wav)[: len(CLIP)] - HEARD).max() < _TOLERANCE


def test_tokens_are_readable_while_they_are_written_and_whole_after_an_interrupt(service: Service) -> None:
    half = FRAMES // 2
    with start(service, "encode", "--n-q", "2") as process:
        process.stdin.write(PCM[: 2 * half * HOP_SAMPLES])
        process.stdin.flush()
        reader, heard = CdcReader(process.stdout, tolerant=True), 0
        blocks = iter(reader)
        while heard < half:
            heard += next(blocks).codes.shape[1]
        process.send_signal(signal.SIGINT)
        frames = heard + sum(block.codes.shape[1] for block in blocks)
    assert process.returncode == 0
    assert reader.report.intact
    assert frames == frames_of(half * HOP_SAMPLES)


def test_bare_codes_go_out_and_in_to_a_file_of_exact_length(service: Service, tmp_path: Path) -> None:
    packed, _ = run(service, "encode", "--tokens", "u16", "--n-q", "3", given=PCM)
    assert np.array_equal(from_wire(packed, 3, CODEBOOK_SIZE)[:, : FRAMES - 1], codes(3)[:, : FRAMES - 1])
    options = ("--tokens", "u16", "--n-q", "3", "--token-space", "space-a")
    with (tmp_path / "out.wav").open("wb") as out:
        run(service, "decode", *options, given=packed, stdout=out)
    wav = (tmp_path / "out.wav").read_bytes()
    # The length was filled in.
    assert soundfile.info(io.BytesIO(wav)).frames == len(packed) // 6 * HOP_SAMPLES - DELAY_SAMPLES
    raw, _ = run(service, "decode", *options, "--audio", "s16le", given=packed)
    assert raw == wav[44:]


def test_a_token_file_is_decoded_to_the_length_that_was_encoded(service: Service, tmp_path: Path) -> None:
    cdc, _ = run(service, "encode", given=PCM)
    (tmp_path / "clip.cdc").write_bytes(cdc)
    raw, _ = run(service, "decode", str(tmp_path / "clip.cdc"), "--audio", "f32le", "--realtime", "-v")
    samples = np.frombuffer(raw, "<f4")
    assert len(samples) == len(CLIP)
    assert np.abs(samples - HEARD).max() < _TOLERANCE


def test_a_reconstruction_is_as_long_as_what_went_in(service: Service) -> None:
    wav, errors = run(service, "reconstruct", "--n-q", "2", "-v", given=PCM)
    assert np.abs(_samples(wav) - HEARD).max() < _TOLERANCE
    assert "reconstruct by" in errors


def test_tokens_that_were_cut_off_are_decoded_with_a_word(service: Service) -> None:
    cdc, _ = run(service, "encode", given=PCM)
    _, errors = run(service, "decode", given=cdc[:-20])
    assert "stop without their end" in errors


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("encode", "--rate", "8000"), "takes PCM of 16000 Hz, not of 8000"),
        (("encode", "--n-q", "99"), "1 to 32 codebooks"),
        (("encode", "--model", "nobody"), "nobody"),
        (("encode", "--microphone", "some.wav"), "not both"),
        (("encode", "no-such.wav"), "no-such.wav"),
        (("decode", "--tokens", "u16", "--token-space", "s"), "give --n-q"),
        (("decode", "--tokens", "u16", "--n-q", "2"), "--token-space"),
    ],
)
def test_what_cannot_be_done_is_said(
    service: Service, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", *arguments, "--server", service.grpc_target]) == 1
    assert says in capsys.readouterr().err


def test_input_that_is_no_token_file_is_an_error(service: Service) -> None:
    _, errors = run(service, "decode", given=PCM, status=1)
    assert "no .cdc file" in errors
    assert "Traceback" not in errors


def test_a_reader_that_leaves_ends_the_stream_without_a_word(service: Service) -> None:
    with start(service, "encode") as process:
        process.stdin.write(PCM)
        process.stdin.flush()
        process.stdout.read(10)
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE
    wait_until(lambda: service.metric("codec_stream_slots_used") == 0, PATIENCE_SECONDS)


def test_a_terminal_gets_no_binary(service: Service) -> None:
    ours, terminal = pty.openpty()
    try:
        _, errors = run(service, "encode", status=1, stdout=terminal)
    finally:
        os.close(ours)
        os.close(terminal)
    assert "redirect it" in errors


def test_a_killed_worker_costs_no_frame() -> None:
    with running() as service, start(service, "encode", "--n-q", "4", "--resume-seconds", "60") as process:
        half = len(PCM) // 2
        process.stdin.write(PCM[:half])
        process.stdin.flush()
        reader = CdcReader(process.stdout, tolerant=True)
        blocks = iter(reader)
        heard = [next(blocks).codes]
        next(iter(service.workers.values())).process.kill()
        service.add_worker()
        process.stdin.write(PCM[half:])
        process.stdin.close()
        heard += [block.codes for block in blocks]
    assert process.returncode == 0
    assert reader.report.intact
    assert np.array_equal(np.concatenate(heard, axis=1)[:, : FRAMES - 1], codes(4)[:, : FRAMES - 1])


def test_without_a_service_the_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stream", "encode", "--server", f"127.0.0.1:{free_port()}"]) == 1
    assert "unavailable" in capsys.readouterr().err


def test_a_key_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    keys, key_file = tmp_path / "keys.jsonl", tmp_path / "key"
    key_file.write_text(add_key(keys, "voice", list(Scope), CallerLimits()) + "\n")
    with running(keys=keys) as service:
        _, errors = run(service, "encode", given=PCM, status=1)
        assert "unauthenticated" in errors
        run(service, "encode", "--api-key-file", str(key_file), given=PCM)
        environment = os.environ | {"CODECD_API_KEY": key_file.read_text().strip()}
        run(service, "encode", given=PCM, env=environment)


@pytest.mark.parametrize("action", ["", "encode", "decode", "reconstruct"])
def test_every_command_has_help_with_examples(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stream", *action.split(), "--help"])
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert f"codecd stream {action}" in shown
