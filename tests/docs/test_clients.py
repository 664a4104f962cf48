"""What docs/clients.md promises beyond that its commands run, as `test_pages` has them do."""

import json
import re
import shutil
from collections.abc import Iterator

import pytest
import soundfile

from codec.container import read_cdc
from proto.codec.v1 import codec_pb2 as pb
from tests.docs.page import Block
from tests.docs.scratch import Scratch
from tests.support import REPOSITORY_ROOT

# A worker takes long to load its model on a busy machine.
pytestmark = pytest.mark.timeout(600)

PAGE = REPOSITORY_ROOT / "docs" / "clients.md"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A service, and where commands run that talk to it."""
    with Scratch(tmp_path_factory.mktemp("clients")) as scratch:
        scratch.serve()
        yield scratch


def run(place: Scratch, command: str) -> str:
    """What a command prints."""
    place.run(Block(PAGE, 1, "sh", f"{{ {command}; }} > printed\n"))
    return (place.folder / "printed").read_text()


def test_what_the_blocks_wrote_is_what_they_promise(place: Scratch) -> None:
    """Runs what it looks at itself, so that it can run alone."""
    run(place, "codecd stream encode speech.wav > mine.cdc; codecd stream decode mine.cdc > mine.wav")
    run(place, "curl -sS --data-binary @speech.wav localhost:8000/encode > theirs.cdc")
    mine, theirs = (read_cdc((place.folder / f"{name}.cdc").read_bytes()) for name in ("mine", "theirs"))
    assert (mine.codes == theirs.codes).all()
    assert mine.n_samples == theirs.n_samples == soundfile.info(place.folder / "mine.wav").frames


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_example_in_javascript_is_short_and_hears_all(place: Scratch) -> None:
    example = REPOSITORY_ROOT / "docs" / "examples" / "stream.mjs"
    assert len(example.read_text().splitlines()) <= 40
    command = f"node --experimental-websocket {example} speech.wav ws://localhost:8000/stream"
    samples = soundfile.info(place.folder / "speech.wav").frames
    told = run(place, f"{command} 2>&1 >js.s16le")
    tokens = run(place, "curl -sS --data-binary @speech.wav 'localhost:8000/encode?format=json'")
    assert (place.folder / "js.s16le").stat().st_size == 2 * samples
    assert f'"type":"summary","n_samples":{samples},' in told
    first = re.search(r"frame 0: ([\d ]+)", told)
    assert first is not None
    assert '"codes":[[' + first.group(1).split()[0] + "," in tokens


def test_every_endpoint_and_every_rpc_has_a_recipe(place: Scratch) -> None:
    page = PAGE.read_text().replace("stream_16k", "{name}")
    paths = json.loads(run(place, "curl -sS localhost:8000/openapi.json"))["paths"]
    assert [path for path in paths if not re.search(rf"localhost:8000{re.escape(path)}(?!\w)", page)] == []
    for service in (pb.DESCRIPTOR.services_by_name[name] for name in ("Codec", "Models")):
        for method in service.methods:
            assert f"{service.full_name}/{method.name}" in page
