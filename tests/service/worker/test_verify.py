"""Every gate lets a sound version through and stops the fault that it is there for."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from codec.checkpoint import draft_manifest, write_files
from codec.golden import CODES_FILE
from codec.repository import Repository, VersionPath
from service.ipc import Operation
from service.worker import verify as gates
from service.worker.cost import CostModel
from service.worker.device import Placement
from service.worker.engine import Piece
from service.worker.padded_engine import PaddedEngine
from service.worker.torch_engine import TorchEngine
from service.worker.torch_items import TorchItemEngine
from service.worker.verify import VersionRejectedError, verify
from tests.service.items import publish_seanet
from tests.service.tiny import publish_tiny, tiny_codec
from tests.support import voiced

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a sound version, not published yet."""
    folder = tmp_path_factory.mktemp("files")
    write_files(tiny_codec(), torch.from_numpy(voiced(1.0)).reshape(1, 1, -1), folder)
    return folder


def check(version: VersionPath) -> None:
    verify(version.model, version.version, version.path, rows=2, placement=Placement())


def stage_of(version: VersionPath) -> str:
    with pytest.raises(VersionRejectedError) as caught:
        check(version)
    assert caught.value.reason
    return caught.value.stage


def test_a_sound_version_passes(tmp_path: Path) -> None:
    version = publish_tiny(tmp_path / "models", tmp_path)
    model = verify(version.model, version.version, version.path, rows=3, placement=Placement())
    assert model.loaded.manifest.version == version.version
    assert set(model.costs) == set(Operation)
    assert isinstance(model.engine, TorchEngine)
    assert model.engine.encode([2], np.zeros((1, 640, 1), np.float32), 4).shape == (1, 2, 4)


@pytest.mark.parametrize(
    ("preset", "engine"),
    [
        ("encodec_16k_stream", TorchEngine),
        ("encodec_48k", TorchItemEngine),
        ("semantic_residual", TorchItemEngine),
    ],
)
def test_sound_versions_of_all_families_pass(preset: str, engine: type, tmp_path: Path) -> None:
    version = publish_seanet(tmp_path / "models", tmp_path, preset)
    model = verify(version.model, version.version, version.path, rows=2, placement=Placement())
    assert isinstance(model.engine, engine)


def test_a_version_is_checked_in_the_steps_that_it_will_run_in(tmp_path: Path) -> None:
    version = publish_tiny(tmp_path / "models", tmp_path)
    model = verify(version.model, version.version, version.path, 3, Placement("cpu", "fixed"))
    assert isinstance(model.engine, PaddedEngine)
    assert model.engine.counters()["eager_steps"] > 0


def test_a_device_that_is_not_there_stops_every_version(tmp_path: Path) -> None:
    version = publish_tiny(tmp_path / "models", tmp_path)
    with pytest.raises(VersionRejectedError, match="device: there is no cuda:99") as caught:
        verify(version.model, version.version, version.path, 2, Placement("cuda:99"))
    assert caught.value.stage == "device"


def flip_a_byte_of_the_weights(path: Path) -> None:
    weights = path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-100] ^= 1
    weights.write_bytes(content)


def remove_the_config(path: Path) -> None:
    (path / "config.yaml").unlink()


def add_a_file(path: Path) -> None:
    (path / "extra.py").write_text("")


def add_a_key_to_the_manifest(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"surprise": 1}))


def cut_the_manifest(path: Path) -> None:
    content = (path / "manifest.json").read_bytes()
    (path / "manifest.json").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("damage", "stage"),
    [
        (flip_a_byte_of_the_weights, "digest"),
        (remove_the_config, "digest"),
        (add_a_file, "digest"),
        (add_a_key_to_the_manifest, "schema"),
        (cut_the_manifest, "schema"),
    ],
)
def test_damage_after_publishing_is_found(damage: Callable[[Path], None], stage: str, tmp_path: Path) -> None:
    version = publish_tiny(tmp_path / "models", tmp_path)
    damage(version.path)
    assert stage_of(version) == stage


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def one_nan(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        next(iter(tensors.values())).view(-1)[0] = torch.nan

    change_weights(folder, change)


def a_tensor_too_few(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        del tensors[next(iter(tensors))]

    change_weights(folder, change)


def a_wrong_shape(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["quantizer.codebooks"] = tensors["quantizer.codebooks"][:, :-1].contiguous()

    change_weights(folder, change)


def not_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x80\x04.")


def an_unknown_config_key(folder: Path) -> None:
    with (folder / "config.yaml").open("a") as file:
        file.write("surprise: 1\n")


def wrong_golden_codes(folder: Path) -> None:
    codes = np.load(folder / CODES_FILE)
    np.save(folder / CODES_FILE, (codes + 1) % 1024)


@pytest.mark.parametrize(
    ("damage", "stage"),
    [
        (one_nan, "weights"),
        (a_tensor_too_few, "weights"),
        (a_wrong_shape, "weights"),
        (not_safetensors, "weights"),
        (an_unknown_config_key, "schema"),
        (wrong_golden_codes, "golden"),
    ],
)
def test_a_fault_published_with_right_digests_is_found(
    damage: Callable[[Path], None], stage: str, files: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    shutil.copytree(files, folder)
    damage(folder)
    version = Repository(tmp_path / "models").publish("tiny", folder, draft_manifest(tiny_codec(), "tiny"))
    assert stage_of(version) == stage


def test_a_model_whose_codes_depend_on_the_cut_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(self: TorchEngine, rows: list[int], audio: NDArray[Any], n_q: int) -> NDArray[Any]:
        self.reset(Operation.ENCODE, rows)
        return step(self, rows, audio, n_q)

    step = TorchEngine.encode
    monkeypatch.setattr(TorchEngine, "encode", forgetful)
    assert stage_of(publish_tiny(tmp_path / "models", tmp_path)) == "stream"


def test_a_decoder_that_depends_on_the_cut_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: TorchEngine, rows: list[int], codes: NDArray[Any]) -> NDArray[Any]:
        self.reset(Operation.DECODE, rows)
        return step(self, rows, codes)

    step = TorchEngine.decode
    monkeypatch.setattr(TorchEngine, "decode", forgetful)
    assert stage_of(publish_tiny(tmp_path / "models", tmp_path)) == "stream"


def test_a_batch_that_changes_its_items_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(self: TorchItemEngine, pieces: Sequence[Piece], n_q: int) -> list[Piece]:
        done = encode(self, pieces, n_q)
        return [replace(piece, items=np.roll(piece.items, len(pieces) - 1)) for piece in done]

    encode = TorchItemEngine.encode
    monkeypatch.setattr(TorchItemEngine, "encode", leaky)
    assert stage_of(publish_seanet(tmp_path / "models", tmp_path, "encodec_16k")) == "batch"


@pytest.mark.parametrize(("seconds", "served"), [(4.9, True), (5.1, False)])
def test_whole_items_may_take_ten_times_their_length(
    seconds: float, served: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {operation: CostModel(seconds, 0.0, 0.0) for operation in Operation}
    monkeypatch.setattr(gates, "calibrate_items", lambda engine, info: slow)
    version = publish_seanet(tmp_path / "models", tmp_path, "encodec_16k")
    if served:
        check(version)
    else:
        assert stage_of(version) == "speed"


def test_a_model_slower_than_speech_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {operation: CostModel(0.05, 0.0, 0.0) for operation in Operation}
    monkeypatch.setattr(gates, "calibrate", lambda engine, geometry, rows: slow)
    version = publish_tiny(tmp_path / "models", tmp_path)
    with pytest.raises(VersionRejectedError, match=r"speed: 0\.80 times real time"):
        check(version)
