"""The project's modules and who imports whom, read from the sources without running them."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support import REPOSITORY_ROOT

PACKAGES = ("codec", "service", "training", "proto")


@dataclass(frozen=True)
class Module:
    """One Python source file of the project, parsed."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether this is the `__init__` file of a package."""
        return self.path.name == "__init__.py"


@cache
def modules(*roots: str) -> dict[str, Module]:
    """Return every hand-written module under the top-level folders `roots`, by dotted name."""
    found = {}
    for root in roots:
        for path in sorted((REPOSITORY_ROOT / root).rglob("*.py")):
            if not path.stem.endswith(("_pb2", "_pb2_grpc")):
                parts = path.relative_to(REPOSITORY_ROOT).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                text = path.read_text(encoding="utf-8")
                found[name] = Module(name, path, text, ast.parse(text))
    return found


@cache
def imports(module: Module, *, typing_only: bool = True) -> frozenset[str]:
    """Return the dotted names that the module imports, at its top or inside functions.

    `from a import b` gives both `a` and `a.b`, since b may be a module. With `typing_only=False` what stands
    under `if TYPE_CHECKING:` is left out, as it never runs.
    """
    return frozenset(name for node in _walk(module.tree, typing_only) for name in _imported(module, node))


def reachable(start: Iterable[str], known: dict[str, Module], *, typing_only: bool = True) -> dict[str, str]:
    """Return every name that importing `start` can load, mapped to the module that asks for it.

    Names outside `known` (libraries) are part of the answer but not followed. Importing `a.b` runs `a` first.
    """
    importer: dict[str, str] = {}
    queue = [(name, "") for name in start]
    while queue:
        name, asked_by = queue.pop()
        if name in importer:
            continue
        importer[name] = asked_by
        parent = name.rpartition(".")[0]
        if parent:
            queue.append((parent, name))
        if name in known:
            queue += [(target, name) for target in sorted(imports(known[name], typing_only=typing_only))]
    return importer


def chain(name: str, importer: dict[str, str]) -> str:
    """Return the import chain that leads to `name`, for messages: `a > b > name`."""
    path = [name]
    while importer[path[-1]]:
        path.append(importer[path[-1]])
    return " > ".join(reversed(path))


def _walk(tree: ast.AST, typing_only: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not typing_only and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _walk(node, typing_only)


def _imported(module: Module, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(module, node)
        yield base
        for alias in node.names:
            yield f"{base}.{alias.name}"
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        for argument in node.args[:1]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    keep = len(parts) - node.level + module.is_package
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])
