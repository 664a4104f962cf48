"""`python -m service.quiet_start MODULE …`: run a module whose imports give way to other processes.

Importing torch takes seconds of processor time. A worker that starts beside others that serve does it in a
thread of lower priority, since a thread may give priority up but a process may not take it back; what it
then measures and serves, it does with the priority of the others.
"""

import importlib
import importlib.util
import os
import runpy
import sys
import threading

_NICE = 5
"""Beside a busy process on the same core: about a quarter of it."""


def main() -> None:
    """Import the module of the command line quietly, then run it with the rest of the arguments."""
    module = sys.argv[1]
    del sys.argv[1]
    entry = f"{module}.__main__" if is_package(module) else module
    importing = threading.Thread(target=import_quietly, args=(entry,))
    importing.start()
    importing.join()
    # It is run under another name, which must not find it half made under this one.
    sys.modules.pop(entry, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def import_quietly(name: str) -> None:
    """Import a module with lowered priority, which stays with the calling thread."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + _NICE))
    importlib.import_module(name)


def is_package(module: str) -> bool:
    """Whether a module is a package, which is run by its `__main__`."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.submodule_search_locations is not None


if __name__ == "__main__":
    main()
