"""The work of the sub-commands, with a real service and an output in memory."""

import io
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec.container import read_cdc
from codec.errors import TokenSpaceMismatchError
from service.client import Client
from service.stream.interrupt import Interrupt
from service.stream.work import Work, decode, encode, reconstruct
from tests.service.echo_worker import SAMPLE_RATE
from tests.service.frontend.harness import Service
from tests.service.stream.pipeline import CLIP, FRAMES, HEARD, codes


def work(service: Service, path: Path, **options: Any) -> Work:
    common = {
        **{"input": path, "model": None, "n_q": 4, "bitrate": None, "rate": None, "microphone": False},
        **{"resume_seconds": 0.0, "realtime": False, "verbose": False, "tokens": "cdc", "audio": "f32le"},
    }
    client = Client(service.url, service.grpc_target)
    return Work(Namespace(action="test", **(common | options)), client, Interrupt(), io.BytesIO())


def written(done: Work) -> bytes:
    assert isinstance(done.sink, io.BytesIO)
    done.client.close()
    return done.sink.getvalue()


def test_encode_then_decode(service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "clip.wav", CLIP, SAMPLE_RATE)
    encoding = work(service, tmp_path / "clip.wav")
    encode(encoding)
    (tmp_path / "clip.cdc").write_bytes(written(encoding))
    tokens = read_cdc((tmp_path / "clip.cdc").read_bytes())
    assert np.array_equal(tokens.codes[:, : FRAMES - 1], codes(4)[:, : FRAMES - 1])
    decoding = work(service, tmp_path / "clip.cdc")
    decode(decoding)
    assert np.array_equal(np.frombuffer(written(decoding), "<f4"), HEARD)
    assert capsys.readouterr().err.count("kbit/s") == 2


def test_reconstruct(service: Service, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", CLIP, SAMPLE_RATE)
    hearing = work(service, tmp_path / "clip.wav")
    reconstruct(hearing)
    assert np.array_equal(np.frombuffer(written(hearing), "<f4"), HEARD)


def test_codes_of_another_token_space_do_not_get_into_a_file_of_the_first(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the version is replaced between the question what is served and the stream."""
    soundfile.write(tmp_path / "clip.wav", CLIP, SAMPLE_RATE)
    encoding = work(service, tmp_path / "clip.wav")
    before = replace(encoding.client.model(), token_space="space-before")
    monkeypatch.setattr(encoding.client, "model", lambda name: before)
    with pytest.raises(TokenSpaceMismatchError, match="start again"):
        encode(encoding)
    encoding.client.close()
