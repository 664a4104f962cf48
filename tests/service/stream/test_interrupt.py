"""The first signal ends the input, the second one the program."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from service.stream.interrupt import Interrupt


def test_the_first_signal_ends_the_input_and_the_second_one_interrupts() -> None:
    # What is started in the background of a shell ignores it.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.event.wait(10)
        with pytest.raises(KeyboardInterrupt):
            _kill_and_wait()
    assert signal.signal(signal.SIGINT, inherited) is signal.default_int_handler


def _kill_and_wait() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(10)


@pytest.fixture
def piped() -> Iterator[int]:
    """The writing end of a pipe that is standard input meanwhile."""
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)
    yield writing
    os.close(writing)
    os.dup2(kept, 0)
    os.close(kept)


def test_bytes_come_at_once_and_end_with_the_signal(piped: int) -> None:
    with Interrupt() as interrupt, interrupt.stdin() as source:
        os.write(piped, b"abc")
        assert source.read1(100) == b"abc"
        os.kill(os.getpid(), signal.SIGTERM)
        assert source.read1(100) == b""
