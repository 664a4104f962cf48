"""Pages of documentation: their fenced blocks, and what is said about running them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import REPOSITORY_ROOT

SHELL = ("sh", "bash", "console")
PYTHON = ("python",)
REASONS = (
    "is make itself",
    "needs a cluster",
    "needs docker",
    "needs other hardware",
    "needs a browser",
    "needs a corpus",
    "needs a hub",
    "needs other software",
    "needs released weights",
    "needs several machines",
    "takes an hour or more",
)
"""Why a block may stay out of the test."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)(?P<rest>.*)$")
_SERVE = re.compile(r"(\w+=\S+ )*codecd serve\b")
_MARKER = re.compile(r"^ *<!-- (?P<kind>not run|slow): (?P<reason>.+) -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block; `line`: of its first line of text, from 1. At most one of the reasons is given."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str = ""
    slow: str = ""

    @property
    def place(self) -> str:
        """Page and line, as editors like it."""
        return f"{name_of(self.page)}:{self.line}"

    @property
    def is_code(self) -> bool:
        """Whether somebody could run it."""
        return self.language in (*SHELL, *PYTHON)

    @property
    def script(self) -> str:
        """What runs, on the same lines: of a console block the commands only."""
        if self.language != "console":
            return self.text
        return "\n".join(line[2:] if line.startswith("$ ") else "" for line in self.text.splitlines())

    @property
    def commands(self) -> list[str]:
        """The lines of the script, continued ones joined, without comments and empty ones."""
        lines = self.script.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]

    @property
    def serves(self) -> bool:
        """Whether it is one command that starts a service, which runs until the page ends."""
        return self.language in SHELL and len(self.commands) == 1 and bool(_SERVE.match(self.commands[0]))


def name_of(page: Path) -> str:
    """The path of a page in the repository."""
    return page.relative_to(REPOSITORY_ROOT).as_posix() if page.is_relative_to(REPOSITORY_ROOT) else page.name


def pages() -> list[Path]:
    """All pages whose commands have to run."""
    return [
        REPOSITORY_ROOT / "README.md",
        *sorted((REPOSITORY_ROOT / "docs").glob("*.md")),
        REPOSITORY_ROOT / "deploy" / "README.md",
    ]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in order. Raises `ValueError` for a fence or a marker that is not right."""
    return list(_blocks(page, page.read_text(encoding="utf-8").splitlines()))


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    marker: re.Match[str] | None = None
    number = 0
    while number < len(lines):
        line = lines[number]
        fence = _FENCE.match(line)
        if fence is None:
            if marker is not None and line.strip():
                raise _wrong(page, number, "a marker stands on the line above a fence")
            marker = _MARKER.match(line) or marker
            if marker is None and re.match(r" *<!-- *(not[ -]?run|slow)\b", line):
                raise _wrong(page, number + 1, f"write <!-- not run: REASON --> with one of {REASONS}")
            number += 1
            continue
        end = next((n for n in range(number + 1, len(lines)) if lines[n].strip() == "```"), None)
        if end is None or not fence["language"] or fence["rest"].strip():
            raise _wrong(page, number + 1, "a fence names its language, has nothing else beside it, and ends")
        indent = len(fence["indent"])
        text = "\n".join(content[indent:] for content in lines[number + 1 : end]) + "\n"
        yield _block(page, number + 2, fence["language"], text, marker)
        marker, number = None, end + 1
    if marker is not None:
        raise _wrong(page, number, "a marker stands on the line above a fence")


def _block(page: Path, line: int, language: str, text: str, marker: re.Match[str] | None) -> Block:
    said = {} if marker is None else {marker["kind"].replace(" ", "_"): marker["reason"]}
    block = Block(page, line, language, text, **said)
    if block.not_run and block.not_run not in REASONS:
        raise _wrong(page, line - 2, f"{block.not_run!r} is none of the reasons {REASONS}")
    if said and not block.is_code:
        raise _wrong(page, line - 2, f"a block of {language} is not run anyway")
    return block


def _wrong(page: Path, line: int, message: str) -> ValueError:
    return ValueError(f"{name_of(page)}:{line}: {message}; see tests/docs/__init__.py")
