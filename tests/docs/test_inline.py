"""Commands and options that pages name in passing are there."""

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from codec.cli import _parser as parser_of_codecd
from tests.docs.page import name_of, pages
from tests.support import REPOSITORY_ROOT

_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Options of other programs, and of the benchmarks and load tools, which are not part of the command.
_OF_OTHERS = re.compile(r"^(curl|docker|kubectl|kind|helm|locust|make|pip|pytest|python|torchrun|tar|npm)\b")
_ELSEWHERE = {"--profile", "--previous"}


@cache
def commands() -> dict[str, set[str]]:
    """The options of every `codecd` command, those of its actions among them."""
    (actions,) = [a for a in parser_of_codecd("")._actions if isinstance(a, argparse._SubParsersAction)]
    return {name: set(_options(parser)) for name, parser in actions.choices.items()}


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for nested in action.choices.values():
                yield from _options(nested)


def problem(code: str) -> str:
    """What is wrong with a piece of code in the text, or nothing."""
    if _OF_OTHERS.match(code):
        return ""
    told = set(_OPTION.findall(code)) - _ELSEWHERE
    if match := re.match(r"codecd (\w+)", code):
        known = commands().get(match[1])
        if known is None:
            return f"there is no codecd {match[1]}"
        return f"codecd {match[1]} has no {sorted(told - known)}" if told - known else ""
    everywhere = set().union(*commands().values())
    return f"no command has {sorted(told - everywhere)}" if told - everywhere else ""


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_commands_in_the_text_are_there(page: Path) -> None:
    spans = _CODE.findall(_FENCED.sub("", page.read_text()))
    wrong = {code: found for code in spans if (found := problem(code))}
    assert not wrong


def test_what_is_not_there_is_found() -> None:
    assert "serve" in commands()
    assert problem("codecd dance")
    assert problem("codecd serve --drain")
    assert problem("--no-such-option")
    assert not problem("codecd admin promote stream_16k 8-0123456789ab --wait")
    assert not problem(f"codecd eval {REPOSITORY_ROOT} --baselines opus:6000")
