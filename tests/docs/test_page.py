"""Blocks, markers and what is wrong with them."""

from pathlib import Path

import pytest

from tests.docs.page import Block, blocks

SH = "```sh\necho one\n```\n"


def read(folder: Path, text: str) -> list[Block]:
    page = folder / "page.md"
    page.write_text(text)
    return blocks(page)


def test_blocks_know_their_language_and_their_line(tmp_path: Path) -> None:
    first, second = read(tmp_path, f"# Page\n\n{SH}\nmore\n\n```json\n{{}}\n```\n")
    assert (first.place, first.language, first.text) == ("page.md:4", "sh", "echo one\n")
    assert (second.line, second.is_code) == (10, False)


def test_markers_belong_to_the_fence_below(tmp_path: Path) -> None:
    docker, train, plain = read(
        tmp_path, f"<!-- not run: needs docker -->\n{SH}\n<!-- slow: trains -->\n\n{SH}\n{SH}"
    )
    assert (docker.not_run, train.slow) == ("needs docker", "trains")
    assert not plain.not_run + plain.slow


def test_only_the_commands_of_a_console_block_run(tmp_path: Path) -> None:
    (block,) = read(tmp_path, "```console\n$ echo one\none\n$ echo two\n```\n")
    assert block.commands == ["echo one", "echo two"]
    assert block.script.splitlines()[2] == "echo two"


def test_a_service_is_a_block_of_its_own(tmp_path: Path) -> None:
    serve, other = read(
        tmp_path, "```sh\ncodecd serve \\\n  --workers 1\n```\n```sh\ncodecd serve\necho\n```\n"
    )
    assert serve.serves
    assert not other.serves


@pytest.mark.parametrize(
    "text",
    [
        "```\nno language\n```\n",
        "```sh title=x\necho\n```\n",
        "```sh\nno end\n",
        f"<!-- not run: too lazy -->\n{SH}",
        f"<!-- not run -->\n{SH}",
        f"<!-- slow: trains -->\ntext between\n{SH}",
        "<!-- not run: needs docker -->\n",
        "<!-- not run: needs docker -->\n```json\n{}\n```\n",
    ],
)
def test_what_is_not_right_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"^page\.md:\d+: "):
        read(tmp_path, text)
