"""Tests mirror the packages: `codec/container.py` is tested by `tests/codec/test_container.py`."""

import os

# Read by torch and by BLAS when they load, hence here, before any of them: tests, and the processes that
# they start, keep to one thread each, so that results do not depend on the number of cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
