"""Every page, run from its first command to its last; the rules are told in `tests.docs`."""

import importlib.util
import re
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from codec.cli import _parser as parser_of_codecd
from tests.docs.page import SHELL, Block, blocks, name_of, pages
from tests.docs.scratch import PORTS, Scratch
from tests.support import REPOSITORY_ROOT

_of = cache(blocks)


def runnable(page: Path, *, slow: bool) -> list[Block]:
    """What runs of a page."""
    return [block for block in _of(page) if block.is_code and not block.not_run and (slow or not block.slow)]


def needs_service(found: list[Block]) -> bool:
    """Whether a page talks to a service and starts none."""
    text = "\n".join(block.script for block in found)
    serves = any(block.serves for block in found)
    return not serves and any(re.search(rf":{port}\b", text) for port in PORTS[:3])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Ports of the shipped model, served for all pages that ask for no more."""
    with Scratch(tmp_path_factory.mktemp("service")) as scratch:
        scratch.serve()
        yield scratch.ports


def uses(block: Block, *programs: str) -> str:
    """The first of the programs that a block uses and that is not installed."""
    named = (name for name in programs if re.search(rf"\b{name} ", block.script))
    return next((name for name in named if shutil.which(name) is None), "")


def run_page(page: Path, request: pytest.FixtureRequest, folder: Path, found: list[Block]) -> None:
    missing = next(filter(None, (uses(block, "bash", "curl", "tar") for block in found)), "")
    if missing:
        pytest.skip(f"{name_of(page)} uses {missing}, which is not installed")
    # Examples for other languages and programs, on which nothing that follows builds.
    found = [block for block in found if not uses(block, "node", "sox")]
    ports = request.getfixturevalue("service") if needs_service(found) else None
    if found:
        with Scratch(folder, ports) as scratch:
            for block in found:
                scratch.run(block)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_page_runs(page: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    run_page(page, request, tmp_path, runnable(page, slow=False))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_page_runs_with_its_slow_parts(page: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if any(block.slow for block in _of(page)):
        run_page(page, request, tmp_path, runnable(page, slow=True))


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_nothing_else_is_left_out(page: Path) -> None:
    """Commands run, or a marker says why not; reading the page checks fences and markers."""
    code = [block for block in _of(page) if block.is_code]
    assert len(code) == len(runnable(page, slow=True)) + sum(bool(block.not_run) for block in code)
    hidden = [block.place for block in _of(page) if not block.is_code and _looks_like_commands(block)]
    assert not hidden, f"these blocks look like commands; name their language: {hidden}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_what_is_not_run_makes_sense(page: Path) -> None:
    """Commands of this project that stay out are at least known, with all their options."""
    wrong = [
        f"{block.place}: {command}: {problem}"
        for block in _of(page)
        if block.not_run and block.language in SHELL
        for command in block.commands
        if (problem := _problem(shlex.split(command, comments=True)))
    ]
    assert not wrong, "\n".join(wrong)


def _looks_like_commands(block: Block) -> bool:
    return bool(re.match(r"(\$ |codecd|curl|make|python|pip|docker|kubectl)\b", block.text))


def _problem(words: list[str]) -> str:
    """What is wrong with a command, as far as that can be told without running it."""
    if words[:1] == ["codecd"]:
        return _problem_of_codecd(words[1:])
    if "codec.cli" in words:
        return _problem_of_codecd(words[words.index("codec.cli") + 1 :])
    if words[:2] == ["python", "-m"] and importlib.util.find_spec(words[2]) is None:
        return f"there is no module {words[2]}"
    if words[:1] == ["make"]:
        targets = re.findall(r"^([a-z-]+):", (REPOSITORY_ROOT / "Makefile").read_text(), re.MULTILINE)
        return "" if words[-1] in targets else f"there is no target {words[-1]}"
    return ""


def _problem_of_codecd(arguments: list[str]) -> str:
    try:
        parser_of_codecd(arguments[0]).parse_args(arguments)
    except SystemExit as end:
        return f"codecd does not understand it (status {end.code})"
    return ""
