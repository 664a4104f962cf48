"""Arrays of integers in NumPy's `.npy` format, from files that may be damaged."""

import math
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.errors import InvalidTokensError

_DAMAGED = (
    ValueError,
    TypeError,
    SyntaxError,
    OverflowError,
    TokenError,
    EOFError,
    RecursionError,
    MemoryError,
)
"""What NumPy raises for a damaged header, which is a Python expression."""


def read_integers(path: Path) -> NDArray[Any]:
    """The array in a file; memory is taken for what the file holds, not for what it claims.

    Raises `InvalidTokensError` if it holds no array of integers, more or less of it than its header says, and
    `OSError` if it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(file)
        except (*_DAMAGED, KeyError) as error:
            raise InvalidTokensError(f"{path.name} is no array in NumPy's format: {error}") from error
        content = file.read()
    if dtype.kind not in "iu" or any(size < 0 for size in shape):
        raise InvalidTokensError(f"{path.name} holds {dtype} {shape}; write integers")
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise InvalidTokensError(
            f"{path.name} holds {len(content)} bytes, not {dtype} {shape}; it is damaged"
        )
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
