"""The environment of worker processes: one thread each, and an allocator that keeps big buffers."""

from collections.abc import Mapping
from ctypes.util import find_library

_ALLOCATORS = ("jemalloc", "tcmalloc_minimal", "tcmalloc")
_KEEP_BYTES = str(512 * 1024 * 1024)
_LARGEST_MMAP_THRESHOLD_BYTES = str(32 * 1024 * 1024)


def worker_environment(base: Mapping[str, str]) -> dict[str, str]:
    """`base` with what makes a single-threaded worker fast.

    glibc's malloc gives the buffers of every step back to the kernel and faults them in again, which
    costs up to half of the throughput; jemalloc or tcmalloc is preloaded where the system has one, and
    glibc is told to keep memory where not. A preload that was set by the caller stands.
    """
    environment = dict(base)
    environment["OMP_NUM_THREADS"] = "1"
    environment["MKL_NUM_THREADS"] = "1"
    # Without a workspace of its own for every stream, cuBLAS may round differently from run to run.
    environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    environment.setdefault("MALLOC_TRIM_THRESHOLD_", _KEEP_BYTES)
    environment.setdefault("MALLOC_MMAP_THRESHOLD_", _LARGEST_MMAP_THRESHOLD_BYTES)
    if not environment.get("LD_PRELOAD"):
        found = next((library for name in _ALLOCATORS if (library := find_library(name))), None)
        if found:
            environment["LD_PRELOAD"] = found
    return environment
