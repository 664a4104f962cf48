"""Blocks really run, one after the other, and failures say where and what."""

from pathlib import Path

import pytest

from tests.docs.page import blocks
from tests.docs.scratch import Scratch


def run(folder: Path, text: str) -> None:
    page = folder / "page.md"
    page.write_text(text)
    (folder / "scratch").mkdir()
    with Scratch(folder / "scratch") as scratch:
        for block in blocks(page):
            scratch.run(block)


def test_blocks_share_what_they_have_set(tmp_path: Path) -> None:
    run(
        tmp_path,
        "```sh\nNAME=one\nmkdir sub\ncd sub\n```\n```sh\necho $NAME > ../made\n```\n"
        "```python\nfound = open('made').read()\n```\n```python\nassert found == 'one\\n'\n```\n"
        "```sh\ntest -f ../speech.wav && cd .. && codecd models | grep stream_16k\n```\n",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# Page\n\n```sh\ntrue\nls /nothing-here\ntrue\n```\n", "page.md:4: .*at line 5: ls /nothing-here"),
        ("```sh\nfalse | true\n```\n", "page.md:2: the block ended with 1"),
        ("# Page\n\n```python\nx = 1\nx / 0\n```\n", "page.md:4: .*line 5, in .*ZeroDivisionError"),
        ("```sh\ncodecd serve --slots 0\n```\n", "page.md:2: `codecd serve --slots 0` does not serve"),
    ],
)
def test_a_failure_names_page_line_command_and_output(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"(?s){told}"):
        run(tmp_path, text)


def test_ports_and_addresses_are_put_in_place(tmp_path: Path) -> None:
    ports = {"8000": "1", "8001": "2", "8002": "3", "9100": "4"}
    scratch = Scratch(tmp_path, ports)
    assert scratch.rewritten("curl localhost:8000/models?rate=8000") == "curl localhost:1/models?rate=8000"
    assert scratch.rewritten("codecd admin status") == "codecd admin status --url http://127.0.0.1:3"
    served = scratch.rewritten("codecd serve --workers 1")
    expected = "codecd serve --http-port 1 --grpc-port 2 --admin-port 3 --metrics-port 4 --workers 1"
    assert served == expected
