"""Links and paths in the documentation lead somewhere, and every page can be found from README.md."""

import re
from pathlib import Path

import pytest

from tests.docs.page import name_of, pages
from tests.support import REPOSITORY_ROOT

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:codec|service|training|proto|tests|deploy|docs)/[\w./-]*)`")


def text_of(page: Path) -> str:
    return _FENCED.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(text_of(page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_paths_of_the_repository_exist(page: Path) -> None:
    missing = [path for path in _PATH.findall(text_of(page)) if not (REPOSITORY_ROOT / path).exists()]
    assert not missing


def test_every_page_is_linked_from_the_first_one() -> None:
    linked = {link.partition("#")[0] for link in _LINK.findall(text_of(REPOSITORY_ROOT / "README.md"))}
    assert not [name_of(page) for page in pages()[1:] if name_of(page) not in linked]
