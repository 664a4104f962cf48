"""What the gates make of a decoder in bfloat16."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.worker.device import Placement
from service.worker.torch_engine import TorchEngine
from service.worker.verify import VersionRejectedError, verify
from tests.service.items import publish_seanet
from tests.service.tiny import publish_tiny
from tests.support import voiced

pytestmark = pytest.mark.usefixtures("single_thread")


def test_decoding_in_bfloat16_passes_and_encoding_stays_as_it_is(tmp_path: Path) -> None:
    version = publish_tiny(tmp_path / "models", tmp_path)
    one, other = (
        verify(version.model, version.version, version.path, 3, Placement(decode_dtype=dtype)).engine
        for dtype in ("float32", "bfloat16")
    )
    assert isinstance(one, TorchEngine)
    assert isinstance(other, TorchEngine)
    audio = voiced(1.0).reshape(1, -1, 1)
    codes = one.encode([2], audio, 8)
    assert np.array_equal(other.encode([2], audio, 8), codes)
    wanted, heard = (engine.decode([2], codes.astype(np.int64)) for engine in (one, other))
    assert heard.dtype == np.float32
    assert 0 < np.abs(heard - wanted).max() < 0.05 * np.abs(wanted).max()


def test_models_that_need_whole_items_do_not_decode_in_bfloat16(tmp_path: Path) -> None:
    version = publish_seanet(tmp_path / "models", tmp_path, "encodec_16k")
    with pytest.raises(VersionRejectedError, match="serve it by a process without --decode-dtype") as caught:
        verify(version.model, version.version, version.path, 2, Placement(decode_dtype="bfloat16"))
    assert caught.value.stage == "load"


def test_a_layer_that_the_device_does_not_have_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: TorchEngine, rows: list[int], codes: NDArray[Any]) -> NDArray[Any]:
        raise RuntimeError("a layer is not implemented for 'BFloat16'")

    monkeypatch.setattr(TorchEngine, "decode", missing)
    version = publish_tiny(tmp_path / "models", tmp_path)
    with pytest.raises(VersionRejectedError, match="load: RuntimeError: a layer is not"):
        verify(version.model, version.version, version.path, 2, Placement(decode_dtype="bfloat16"))
