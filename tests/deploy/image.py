"""The Dockerfile as instructions: enough of its grammar for what ours uses."""

import re
from dataclasses import dataclass

from tests.support import REPOSITORY_ROOT


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line with its continuations, without the comments."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next; `parent` is an image, or the name of an earlier stage."""

    name: str
    parent: str
    instructions: tuple[Instruction, ...]

    def texts(self, name: str) -> list[str]:
        """What stands behind every instruction of this name."""
        return [instruction.text for instruction in self.instructions if instruction.name == name]


def stages() -> dict[str, Stage]:
    """The stages by name, in their order. Raises `ValueError` where the first is no `FROM … AS …`."""
    found: dict[str, Stage] = {}
    for instruction in _instructions():
        if instruction.name == "FROM":
            match = re.fullmatch(r"(\S+) AS (\S+)", instruction.text)
            if match is None:
                raise ValueError(f"FROM {instruction.text}: name the stage, as in FROM image:1.2.3 AS name")
            found[match[2]] = Stage(match[2], match[1], ())
        else:
            last = next(reversed(found.values()))
            found[last.name] = Stage(last.name, last.parent, (*last.instructions, instruction))
    return found


def lineage(name: str) -> list[Stage]:
    """A stage and those that it starts from, the last one first."""
    known = stages()
    line = [known[name]]
    while line[-1].parent in known:
        line.append(known[line[-1].parent])
    return line


def inherited(name: str, instruction: str) -> str:
    """What a stage has of an instruction of which the last one counts."""
    return next(texts[-1] for stage in lineage(name) if (texts := stage.texts(instruction)))


def _instructions() -> list[Instruction]:
    lines = (REPOSITORY_ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [Instruction(name, rest) for name, rest in pairs]
