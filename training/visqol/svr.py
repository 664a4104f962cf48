"""The support vector regression of audio mode, read from a text file of LIBSVM's format."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np

from codec.errors import ConfigError
from training.visqol.settings import Floats

FILE_NAME = "libsvm_nu_svr_model.txt"
DISTRIBUTION = "visqol-python"
WANTED = {"svm_type": "nu_svr", "kernel_type": "rbf"}


@dataclass(frozen=True)
class SupportVectors:
    """A regression with a radial basis function as its kernel."""

    coefficients: Floats
    vectors: Floats
    """`[vector, feature]`."""
    gamma: float
    rho: float

    def predict(self, features: Floats) -> float:
        """Value at `features` `[feature]`."""
        distances = np.sum((self.vectors - features) ** 2, axis=1)
        return float(self.coefficients @ np.exp(-self.gamma * distances) - self.rho)


def installed_model() -> Path:
    """The model file that the optional package `visqol-python` brings along.

    Raises `ConfigError` if the package is not installed or has no such file.
    """
    try:
        shipped = files(DISTRIBUTION) or []
    except PackageNotFoundError as error:
        raise ConfigError(
            f"ViSQOL's audio mode needs the file {FILE_NAME}; "
            f"give its path as svr_model, or install the package {DISTRIBUTION}"
        ) from error
    for file in shipped:
        if file.name == FILE_NAME:
            return Path(str(file.locate()))
    raise ConfigError(f"the installed {DISTRIBUTION} has no {FILE_NAME}; give its path as svr_model")


@lru_cache(maxsize=4)
def load_svr(path: Path) -> SupportVectors:
    """Read a model file.

    Raises `ConfigError` if the file is missing, holds another kind of model, or is damaged.
    """
    if not path.is_file():
        raise ConfigError(f"no SVR model of ViSQOL's audio mode at {path}; give the path of {FILE_NAME}")
    head, separator, body = path.read_text(encoding="ascii", errors="replace").partition("\nSV\n")
    header = dict(line.split(maxsplit=1) for line in head.splitlines() if " " in line)
    found = {key: header.get(key) for key in WANTED}
    if not separator or found != WANTED:
        raise ConfigError(f"{path} is not a LIBSVM model of type nu_svr with kernel rbf; give {FILE_NAME}")
    try:
        return _parse(header, body)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"the SVR model {path} is damaged ({error}); get {FILE_NAME} anew") from error


def _parse(header: dict[str, str], body: str) -> SupportVectors:
    rows = [[field.partition(":") for field in line.split()] for line in body.splitlines()]
    width = max(int(field[0]) for row in rows for field in row[1:])
    vectors = np.zeros((len(rows), width))
    for vector, row in zip(vectors, rows, strict=True):
        for index, _, value in row[1:]:
            vector[int(index) - 1] = float(value)
    if len(rows) != int(header["total_sv"]):
        raise ValueError(f"{len(rows)} vectors instead of {header['total_sv']}")
    coefficients = np.array([float(row[0][0]) for row in rows])
    return SupportVectors(coefficients, vectors, float(header["gamma"]), float(header["rho"]))
