"""The reader of imports must see every form of import, or the rules built on it pass for nothing."""

import ast
from pathlib import Path

from tests.import_graph import Module, chain, imports, reachable


def module(name: str, text: str, *, package: bool = False) -> Module:
    folder = Path(*name.split("."))
    path = folder / "__init__.py" if package else folder.with_suffix(".py")
    return Module(name, path, text, ast.parse(text))


def test_every_form_of_import_is_seen() -> None:
    text = (
        "import a.b as c\nfrom d import e\nfrom . import f\nfrom .g import h\nfrom ..i import j\n"
        "def late():\n    import k\n    importlib.import_module('l.m')\n"
    )
    assert imports(module("top.mid.leaf", text)) == {
        *(
            "a.b",
            "d",
            "d.e",
            "top.mid",
            "top.mid.f",
            "top.mid.g",
            "top.mid.g.h",
            "top.i",
            "top.i.j",
            "k",
            "l.m",
        )
    }


def test_relative_imports_of_a_package_start_at_itself() -> None:
    assert imports(module("top.mid", "from .leaf import x", package=True)) == {
        "top.mid.leaf",
        "top.mid.leaf.x",
    }


def test_imports_for_type_checkers_count_only_when_asked() -> None:
    typed = module("m", "if TYPE_CHECKING:\n    import torch\n")
    assert imports(typed) == {"torch"}
    assert imports(typed, typing_only=False) == frozenset()


def test_reachability_is_transitive_and_runs_parent_packages() -> None:
    known = {
        "a": module("a", "import torch", package=True),
        "a.b": module("a.b", ""),
        "c": module("c", "from a.b import x"),
    }
    importer = reachable(["c"], known)
    assert {"c", "a.b", "a", "torch"} <= set(importer)
    assert chain("torch", importer).startswith("c > a.b")
    assert chain("torch", importer).endswith("a > torch")
