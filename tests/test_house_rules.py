"""The rules of the house (DESIGN, section 8), counted over every hand-written source file."""

import ast
import io
import re
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.import_graph import PACKAGES, Module, modules, reachable
from tests.support import REPOSITORY_ROOT

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_CONSTRUCTOR_ARGUMENTS = 8
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

# Modules without a test file of the same name, and why that is right.
TESTED_ELSEWHERE = {
    "codec.errors": "bare exception classes; every raise is tested where it is raised",
}
# Made for programs outside the project; modules that are run as commands are found by themselves.
LIBRARY_ENTRY_POINTS = ("service.client",)

PROJECT = tomllib.loads((REPOSITORY_ROOT / "pyproject.toml").read_text())["project"]
# "module:function" of the codecd command and of the sub-commands that the packages add to it.
COMMANDS = [*PROJECT["scripts"].values(), *PROJECT["entry-points"]["codecd.commands"].values()]

SOURCES = modules(*PACKAGES)
EVERYTHING = modules(*PACKAGES, "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def top_level(module: Module) -> Iterator[Function | ast.ClassDef]:
    return (node for node in module.tree.body if isinstance(node, Function | ast.ClassDef))


def arguments(function: Function) -> int:
    """How many arguments a caller of the method may give."""
    spec = function.args
    named = len(spec.posonlyargs) + len(spec.args) + len(spec.kwonlyargs)
    return named - 1 + (spec.vararg is not None) + (spec.kwarg is not None)


def is_mutable_dataclass(node: ast.ClassDef) -> bool:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any("dataclass" in text and "frozen=True" not in text for text in decorators)


def is_program(module: Module) -> bool:
    """Whether `python -m` runs the module."""
    return module.path.stem == "__main__" or 'if __name__ == "__main__"' in module.text


def is_constructor_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and not (node.value and "init=False" in ast.unparse(node.value))


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Every name that code uses, in the places where names are used (not where they are defined)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            # Annotations in quotes, and names given to getattr, importlib or a command line.
            yield from re.findall(r"\w+", node.value)


def test_the_sources_are_there() -> None:
    assert {name.partition(".")[0] for name in SOURCES} == set(PACKAGES)


@pytest.mark.parametrize("module", EVERYTHING.values(), ids=EVERYTHING)
def test_file_is_small_and_whole(module: Module) -> None:
    problems = []
    n_lines = len(module.text.splitlines())
    if n_lines > MAX_FILE_LINES:
        problems.append(f"{n_lines} lines; the limit is {MAX_FILE_LINES}")
    problems += [*_oversized(module), *_unfinished(module), *_silent_handlers(module)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("module", SOURCES.values(), ids=SOURCES)
def test_public_names_have_docstrings(module: Module) -> None:
    bare = [node.name for node in top_level(module) if not node.name.startswith("_")]
    documented = [node.name for node in top_level(module) if ast.get_docstring(node)]
    assert ast.get_docstring(module.tree) or not module.tree.body, "the module has no docstring"
    assert sorted(set(bare) - set(documented)) == []


def test_every_folder_of_python_files_is_a_package() -> None:
    folders = {module.path.parent for module in EVERYTHING.values()}
    assert not [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()]


def test_every_module_has_a_test_file_of_its_name() -> None:
    missing = []
    for name, module in SOURCES.items():
        parent, _, leaf = name.rpartition(".")
        empty = not any(isinstance(node, Function | ast.ClassDef) for node in module.tree.body)
        if module.is_package or leaf == "__main__" or empty or name in TESTED_ELSEWHERE:
            continue
        wanted = REPOSITORY_ROOT / "tests" / parent.replace(".", "/") / f"test_{leaf}.py"
        if not wanted.exists():
            missing.append(str(wanted.relative_to(REPOSITORY_ROOT)))
    assert not missing, "\n".join(missing)


def test_the_list_of_modules_tested_elsewhere_is_current() -> None:
    assert not sorted(set(TESTED_ELSEWHERE) - set(SOURCES))


@pytest.mark.parametrize("target", COMMANDS)
def test_command_of_the_package_exists(target: str) -> None:
    name, _, function = target.partition(":")
    assert name in SOURCES
    assert function in [node.name for node in top_level(SOURCES[name])]


def test_every_module_is_used() -> None:
    """A module that nothing but its own test imports is not part of the product."""
    programs = [name for name, module in SOURCES.items() if is_program(module)]
    commands = [target.partition(":")[0] for target in COMMANDS]
    reached = set(reachable([*programs, *commands, *LIBRARY_ENTRY_POINTS], SOURCES))
    for name in set(EVERYTHING) - set(SOURCES):
        own_test_of = name.removeprefix("tests.").replace(".test_", ".")
        others = {key: module for key, module in SOURCES.items() if key != own_test_of}
        reached |= set(reachable([name], {**others, name: EVERYTHING[name]})) - {own_test_of}
    unused = [name for name, module in SOURCES.items() if name not in reached and not module.is_package]
    assert not unused, "\n".join(unused)


def test_every_top_level_function_and_class_is_used() -> None:
    used = Counter(name for module in EVERYTHING.values() for name in identifiers(module.tree))
    used.update(target.partition(":")[2] for target in COMMANDS)
    own = {name: Counter(identifiers(module.tree)) for name, module in EVERYTHING.items()}
    dead = []
    for module in SOURCES.values():
        for node in top_level(module):
            registered = isinstance(node, Function) and bool(node.decorator_list)
            uses = own[module.name] if node.name.startswith("_") else used
            inside = Counter(identifiers(node))[node.name]
            if not registered and not node.name.startswith("__") and uses[node.name] <= inside:
                dead.append(f"{module.name}.{node.name}")
    assert not dead, "\n".join(dead)


def _oversized(module: Module) -> Iterator[str]:
    for function in functions(module.tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > MAX_FUNCTION_LINES:
            yield f"{function.name} has {length} lines; the limit is {MAX_FUNCTION_LINES}"
        if function.name == "__init__" and arguments(function) > MAX_CONSTRUCTOR_ARGUMENTS:
            yield f"line {function.lineno}: {arguments(function)} constructor arguments; use a frozen config"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and is_mutable_dataclass(node):
            fields = [item for item in node.body if is_constructor_field(item)]
            if len(fields) > MAX_CONSTRUCTOR_ARGUMENTS:
                yield f"{node.name}: a dataclass of {len(fields)} constructor fields has to be frozen"


def _unfinished(module: Module) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT and UNFINISHED.search(token.string):
            yield f"line {token.start[0]}: {token.string}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc):
            yield f"line {node.lineno}: a stub that raises NotImplementedError"


def _silent_handlers(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(item, ast.Pass) or _is_bare_value(item) for item in node.body)
            if silent:
                yield f"line {node.lineno}: an exception is caught and forgotten"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            names = {ast.unparse(argument).rpartition(".")[2] for argument in node.args}
            if names & {"Exception", "BaseException"}:
                yield f"line {node.lineno}: suppress() of every exception"


def _is_bare_value(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
