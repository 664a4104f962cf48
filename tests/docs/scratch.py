"""The place where the blocks of a page run: files, ports, a shell, an interpreter, a service."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx
import pytest
import soundfile

from tests.docs.page import PYTHON, Block
from tests.support import REPOSITORY_ROOT, SAMPLE_RATE_HZ, free_ports, speech, voiced

SHORT = {"STEPS": "3", "START": "1"}
"""Values of the variables that pages use to say how long something takes."""

PORTS = ("8000", "8001", "8002", "9100")
"""REST, gRPC, admin, metrics, as they stand in pages."""

REWRITES = (
    (r"(?<=:)(?P<port>8000|8001|8002|9100)(?!\w)", "{port}"),
    (r"(?<=port )(?P<port>8000|8001|8002|9100)(?!\w)", "{port}"),
    (
        r"\bcodecd serve\b",
        "codecd serve --http-port {8000} --grpc-port {8001} --admin-port {8002} --metrics-port {9100}",
    ),
    (r"\bcodecd admin (?P<action>\w+)", "codecd admin {action} --url http://127.0.0.1:{8002}"),
)
"""What is put in place of what, where `{8000}` is the free port that stands for 8000."""

STAND_INS = {"aplay": "cat > /dev/null", "grpcurl": 'exec python -m tests.docs.grpcurl "$@"'}
"""Programs that pages use and that not every machine has, nor a loudspeaker."""

BLOCK_SECONDS = 300
_READY_SECONDS = 90
_SECONDS_OF_CLIPS = 3


class Scratch:
    """A directory in which the blocks of a page run. Everything that they start ends with it."""

    def __init__(self, folder: Path, ports: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.ports = ports or dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        self._groups: list[int] = []
        self._cleanup = ExitStack()
        self._python: subprocess.Popen[str] | None = None
        self._python_log: IO[str] | None = None
        self._furnish()

    def run(self, block: Block) -> None:
        """Run a block; ends the test with the page, the line, the command and its output if that fails."""
        if block.language in PYTHON:
            self._run_python(block)
        elif block.serves:
            self.serve(block.commands[0].removesuffix("&"), block.place)
        else:
            self._run_shell(block)

    def serve(self, command: str = "codecd serve", place: str = "the service") -> None:
        """Run a service until the end, and wait until it is ready."""
        log = self.folder / "serve.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"{self._prologue()} exec env {self.rewritten(command)}"],
                cwd=self.folder, env=self._environment(), stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self._groups.append(process.pid)
        self._cleanup.callback(_end, process)
        tls = "--tls-cert" in command
        url = f"{'https' if tls else 'http'}://127.0.0.1:{self.ports['8000']}/health/ready"
        ended = time.monotonic() + _READY_SECONDS
        while not _is_ready(url):
            if process.poll() is not None or time.monotonic() > ended:
                pytest.fail(f"{place}: `{command}` does not serve:\n{log.read_text()[-4000:]}", pytrace=False)
            time.sleep(0.1)

    def rewritten(self, text: str) -> str:
        """The text with the ports that are free here; see `REWRITES`."""
        for pattern, replacement in REWRITES:

            def put(match: re.Match[str], replacement: str = replacement) -> str:
                fields = {name: self.ports.get(value, value) for name, value in match.groupdict().items()}
                for name, value in (fields | self.ports).items():
                    replacement = replacement.replace("{" + name + "}", value)
                return replacement

            text = re.sub(pattern, put, text)
        return text

    def _furnish(self) -> None:
        """Make it look like a checkout, with its own models, and some speech."""
        for name in _CHECKOUT:
            (self.folder / name).symlink_to(REPOSITORY_ROOT / name)
        (self.folder / ".venv").symlink_to(sys.prefix)
        shutil.copytree(REPOSITORY_ROOT / "models", self.folder / "models")
        for name, samples in zip(_CLIPS, _clips(len(_CLIPS)), strict=True):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, SAMPLE_RATE_HZ)
        (self.folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        (self.folder / ".bin").mkdir()
        for name, command in STAND_INS.items():
            if shutil.which(name) is None or name == "aplay":
                program = self.folder / ".bin" / name
                program.write_text(f"#!/bin/sh\n{command}\n")
                program.chmod(0o755)

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return inherited | SHORT | {
            "PATH": f"{self.folder}/.bin:{sys.prefix}/bin:{os.environ['PATH']}",
            "CODECD_SERVER": f"127.0.0.1:{self.ports['8001']}",
            "CODECD_API_KEY": "ck_asked_for_by_nobody",
            "CODECD_REPOSITORY": str(self.folder / "models"),
            "CURL_HOME": str(self.folder),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(REPOSITORY_ROOT),
        }  # fmt: skip

    def _prologue(self) -> str:
        """What a shell takes over from the blocks before it."""
        return "set -eo pipefail; if [ -e .shell ]; then . ./.shell; fi;"

    def _run_shell(self, block: Block) -> None:
        # One line before the block, so that the shell counts the lines of the page.
        trap = """trap 'echo "at line $LINENO: $BASH_COMMAND" >&2' ERR; set -a;"""
        first = f"{self._prologue()} {trap}"
        keep = f'{{ export -p; printf "cd %q\\n" "$PWD"; }} > {self.folder}/.shell\n'
        script = self.folder / ".block"
        script.write_text(first + "\n" * (block.line - 1) + self.rewritten(block.script) + keep)
        with (self.folder / ".output").open("w+") as output:
            process = subprocess.Popen(
                ["bash", script],
                cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip
            self._groups.append(process.pid)
            try:
                status: int | str = process.wait(BLOCK_SECONDS)
            except subprocess.TimeoutExpired:
                status = f"nothing within {BLOCK_SECONDS} s"
            if status != 0:
                output.seek(0)
                _fail(block, f"the block ended with {status}", output.read())

    def _run_python(self, block: Block) -> None:
        process, log = self._interpreter()
        assert process.stdin is not None
        assert process.stdout is not None
        start = log.tell()
        request = json.dumps([str(block.page), block.line, self.rewritten(block.script)])
        process.stdin.write(request + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        log.seek(start)
        output = log.read()
        if answer.strip() != "true":
            _fail(block, "the block raised", output)

    def _interpreter(self) -> tuple["subprocess.Popen[str]", IO[str]]:
        if self._python is None or self._python_log is None:
            self._python_log = self._cleanup.enter_context((self.folder / ".python").open("w+"))
            self._python = subprocess.Popen(
                [sys.executable, "-m", "tests.docs.interpreter"],
                cwd=self.folder, env=self._environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self._python_log, text=True, start_new_session=True,
            )  # fmt: skip
            self._groups.append(self._python.pid)
            self._cleanup.enter_context(self._python)  # closes its pipes
            self._cleanup.callback(_end, self._python)
        return self._python, self._python_log

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()
        for group in self._groups:
            _signal(group, signal.SIGKILL)
        if kind is None:
            shutil.rmtree(self.folder)


_CHECKOUT = ("codec", "deploy", "docs", "proto", "service", "tests", "training", "Makefile", "README.md")
_CLIPS = (
    "speech.wav",
    *(f"recordings/{name}.wav" for name in ("a", "b", "more/c")),
    *(f"speech/{number}.wav" for number in range(6)),
)


def _clips(count: int) -> list[object]:
    """Speech, or a signal like it where there is none; float32 `[sample]` at 16 kHz each."""
    try:
        paths = speech(count)
    except pytest.skip.Exception:
        return [voiced(_SECONDS_OF_CLIPS, seed=seed) for seed in range(count)]
    return [soundfile.read(path, _SECONDS_OF_CLIPS * SAMPLE_RATE_HZ, dtype="float32")[0] for path in paths]


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def _end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """Let it end as it wants to, or kill it."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _fail(block: Block, what: str, output: str) -> None:
    pytest.fail(f"{block.place}: {what}:\n\n{block.script}\n{output[-4000:]}", pytrace=False)
