"""Every command and program of docs/clients.md runs, in its order, against a real service."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from codec.container import read_cdc
from proto.codec.v1 import codec_pb2 as pb
from tests.service.supervisor.serving import Serving
from tests.service.tiny import publish_tiny
from tests.support import REPOSITORY_ROOT, free_ports, voiced

# A worker takes long to load its model on a busy machine.
pytestmark = pytest.mark.timeout(600)

PAGE = REPOSITORY_ROOT / "docs" / "clients.md"
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
PROGRAMS = {
    "codecd": '"{python}" -m codec.cli "$@"',
    "aplay": "cat > /dev/null",
    "python3": '"{python}" "$@"',
}
"""Put in the place of what is not on the path as such; nothing has a loudspeaker here."""
NEEDED = ("sox", "node", "curl")
_BLOCK_SECONDS = 240


@dataclass(frozen=True)
class Place:
    """A folder with a recording, a path of programs, and the ports of a service."""

    folder: Path
    ports: dict[str, str]
    environment: dict[str, str]

    def run(self, language: str, text: str) -> str:
        """What a block prints; the default ports are replaced by those of the service."""
        for default, port in self.ports.items():
            text = text.replace(f"localhost:{default}", f"localhost:{port}")
        command = ["bash", "-euo", "pipefail", "-c"] if language == "sh" else [sys.executable, "-c"]
        done = subprocess.run(
            [*command, text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            timeout=_BLOCK_SECONDS,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode(errors="replace")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The service, with a tiny model of the default model's name."""
    work = tmp_path_factory.mktemp("clients")
    publish_tiny(work / "models", work, name="stream_16k")
    soundfile.write(work / "speech.wav", voiced(2.0), 16_000, "PCM_16")
    (work / "docs").symlink_to(REPOSITORY_ROOT / "docs")
    _add_programs(work / "bin")
    http, grpc, metrics = free_ports(3)
    ports = {"8000": str(http), "8001": str(grpc), "9100": str(metrics)}
    environment = os.environ | {
        "PATH": f"{work / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY_ROOT),
        "CODECD_SERVER": f"127.0.0.1:{grpc}",
        "CODECD_API_KEY": "ck_none_is_asked_for",
    }
    with Serving(work / "models", workers=1, http_port=http, grpc_port=grpc, metrics_port=metrics) as service:
        service.wait(service.is_ready, "readiness", 300)
        yield Place(work, ports, environment)


@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=range(1, len(BLOCKS) + 1))
def test_block_runs(place: Place, language: str, text: str) -> None:
    missing = [name for name in NEEDED if re.search(rf"\b{name} ", text) and shutil.which(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    place.run(language, text)


def test_what_the_blocks_wrote_is_what_they_promise(place: Place) -> None:
    """Runs what it looks at itself, so that it can run alone."""
    place.run("sh", "codecd stream encode speech.wav > mine.cdc; codecd stream decode mine.cdc > mine.wav")
    place.run("sh", "curl -sS --data-binary @speech.wav localhost:8000/encode > theirs.cdc")
    mine, theirs = (read_cdc((place.folder / f"{name}.cdc").read_bytes()) for name in ("mine", "theirs"))
    assert (mine.codes == theirs.codes).all()
    assert mine.n_samples == theirs.n_samples == soundfile.info(place.folder / "mine.wav").frames


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_example_in_javascript_is_short_and_hears_all(place: Place) -> None:
    example = REPOSITORY_ROOT / "docs" / "examples" / "stream.mjs"
    assert len(example.read_text().splitlines()) <= 40
    command = f"node --experimental-websocket {example} speech.wav ws://localhost:8000/stream"
    told = place.run("sh", f"{command} 2>&1 >js.s16le | tee js.txt")
    tokens = place.run("sh", "curl -sS --data-binary @speech.wav 'localhost:8000/encode?format=json'")
    assert (place.folder / "js.s16le").stat().st_size == 2 * 32_000
    assert '"type":"summary","n_samples":32000' in told
    first = re.search(r"frame 0: ([\d ]+)", told)
    assert first is not None
    assert '"codes":[[' + first.group(1).split()[0] + "," in tokens


def test_every_endpoint_and_every_rpc_has_a_recipe(place: Place) -> None:
    page = PAGE.read_text().replace("stream_16k", "{name}")
    paths = json.loads(place.run("sh", "curl -sS localhost:8000/openapi.json"))["paths"]
    assert [path for path in paths if not re.search(rf"localhost:8000{re.escape(path)}(?!\w)", page)] == []
    for service in (pb.DESCRIPTOR.services_by_name[name] for name in ("Codec", "Models")):
        for method in service.methods:
            assert f"{service.full_name}/{method.name}" in page


def _add_programs(folder: Path) -> None:
    programs = dict(PROGRAMS)
    if shutil.which("grpcurl") is None:
        programs["grpcurl"] = '"{python}" -m tests.docs.grpcurl "$@"'
    folder.mkdir()
    for name, line in programs.items():
        script = folder / name
        script.write_text(
            f"#!/bin/sh\nexec {line.format(python=sys.executable)}\n".replace("exec cat", "cat")
        )
        script.chmod(0o755)
