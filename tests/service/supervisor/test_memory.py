"""What the kernel says of memory, read right."""

import os
from pathlib import Path

import pytest

from service.supervisor.memory import Memory


def test_this_process_and_machine_have_sensible_figures() -> None:
    memory = Memory()
    resident, own = memory.resident_bytes(os.getpid()), memory.own_bytes(os.getpid())
    assert 1_000_000 < own < resident < 100_000_000_000
    ballast = bytearray(64_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert memory.own_bytes(os.getpid()) - own > 50_000_000
    assert memory.available_bytes() > 10_000_000


def test_a_process_that_is_gone_has_nothing() -> None:
    assert Memory().resident_bytes(2**22 + 1) == 0


@pytest.mark.parametrize(
    ("files", "available_bytes"),
    [
        ({}, 4096_000),
        ({"memory.max": "max\n", "memory.current": "9", "memory.stat": ""}, 4096_000),
        ({"memory.max": "3000000", "memory.current": "1000000", "memory.stat": "anon 5\n"}, 2_000_000),
        (
            {"memory.max": "3000000", "memory.current": "1000000", "memory.stat": "a 1\ninactive_file 500\n"},
            2_000_500,
        ),
        ({"memory.max": "100", "memory.current": "200", "memory.stat": ""}, 0),
        (
            {
                "memory/memory.limit_in_bytes": "3000000",
                "memory/memory.usage_in_bytes": "2000000",
                "memory/memory.stat": "inactive_file 7\n",
            },
            1_000_007,
        ),
    ],
)
def test_the_control_group_may_leave_less(
    tmp_path: Path, files: dict[str, str], available_bytes: int
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4000 kB\n")
    for name, content in files.items():
        path = tmp_path / "group" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert Memory(tmp_path, tmp_path / "group").available_bytes() == available_bytes
