from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from codec.errors import ConfigError
from tests.training.visqol.signals import svr_model
from training.visqol.svr import DISTRIBUTION, FILE_NAME, installed_model, load_svr

SMALL = (
    "svm_type nu_svr\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 2\nrho -1.25\nSV\n"
    "2 1:1 3:0.5 \n-0.5 2:1 \n"
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.txt"
    path.write_text(SMALL)
    return path


def test_prediction_follows_the_formula(small: Path) -> None:
    regression = load_svr(small)
    np.testing.assert_array_equal(regression.vectors, [[1, 0, 0.5], [0, 1, 0]])
    expected = 2 * np.exp(-0.5 * 0.25) - 0.5 * np.exp(-0.5 * 2) + 1.25
    assert regression.predict(np.array([1.0, 0.0, 0.0])) == pytest.approx(expected)


def test_the_real_model_gives_equal_signals_its_highest_score() -> None:
    regression = load_svr(svr_model())
    assert regression.vectors.shape == (317, 32)
    assert regression.predict(np.ones(32)) == pytest.approx(4.732101253042348, abs=1e-9)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no SVR model.*absent\.txt"):
        load_svr(tmp_path / "absent.txt")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("nu_svr", "c_svc"), "not a LIBSVM model"),
        (("\nSV\n", "\n"), "not a LIBSVM model"),
        (("gamma 0.5\n", ""), "damaged"),
        (("-0.5 2:1 \n", ""), "damaged"),
        (("3:0.5", "3:x"), "damaged"),
    ],
)
def test_a_wrong_or_damaged_file_is_refused(tmp_path: Path, damage: tuple[str, str], message: str) -> None:
    path = tmp_path / "damaged.txt"
    path.write_text(SMALL.replace(*damage))
    with pytest.raises(ConfigError, match=message):
        load_svr(path)


def install(site: Path, *, with_model: bool) -> None:
    """Lay out a distribution as pip leaves it."""
    model = f"visqol/model/{FILE_NAME}"
    (site / model).parent.mkdir(parents=True)
    (site / model).write_text(SMALL)
    metadata = site / "visqol_python-9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 9\n")
    (metadata / "RECORD").write_text(f"{model},,\n" if with_model else "visqol/__init__.py,,\n")


def test_the_model_of_the_installed_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, with_model=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_svr(installed_model()).gamma == 0.5


def test_a_package_without_the_model_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, with_model=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="give its path as svr_model"):
        installed_model()


def test_without_the_package_the_message_says_what_to_do() -> None:
    try:
        version(DISTRIBUTION)
    except PackageNotFoundError:
        with pytest.raises(ConfigError, match=f"install the package {DISTRIBUTION}"):
            installed_model()
    else:
        pytest.skip(f"{DISTRIBUTION} is installed here")
