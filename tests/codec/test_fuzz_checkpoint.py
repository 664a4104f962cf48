"""Whatever a version or a foreign weights file holds: a codec, or our own error, in bounded memory."""

import hashlib
import json
import random
import shutil
import time
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from codec.checkpoint import WEIGHTS_FILE, draft_manifest, load_codec, write_files
from codec.errors import CodecError, ForeignModelError, RepositoryError
from codec.golden import CODES_FILE, INPUT_FILE
from codec.importers.dac import import_dac
from codec.importers.encodec import import_encodec
from codec.importers.funcodec import import_funcodec
from codec.manifest import MANIFEST_NAME, ManifestDraft
from codec.model_config import CONFIG_FILE
from codec.repository import Repository
from codec.seanet_model import SeanetCodec
from tests.codec.container.test_fuzz import mutate
from tests.codec.foreign import golden_dir
from tests.codec.fuzzing import Growth, change
from tests.codec.importers.dac_reference import TINY, state_dict
from tests.codec.models import noise, publish_tiny
from tests.codec.seanets import small_config

FILES = (WEIGHTS_FILE, CONFIG_FILE, MANIFEST_NAME, CODES_FILE, INPUT_FILE)
GROWTH_MB = 150
SLOWEST_SECONDS = 30.0
Load = Callable[[Path], object]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small versions of three families."""
    root = tmp_path_factory.mktemp("fuzz")
    folders = [publish_tiny(root).path]
    for name in ("encodec_16k", "dac_16k"):
        codec, files = SeanetCodec(small_config(name)).eval().requires_grad_(False), root / f"files-{name}"
        write_files(codec, noise(1, 4000), files)
        folders.append(Repository(root / "models").publish(name, files, draft_manifest(codec, name)).path)
    return folders


def mutated_weights(content: bytes, rng: random.Random) -> bytes:
    """A safetensors file whose header says something else about its tensors."""
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    change(header, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def mutated_array(content: bytes, rng: random.Random) -> bytes:
    """A `.npy` file whose header says something else."""
    size = int.from_bytes(content[8:10], "little")
    header = content[10 : 10 + size].decode("latin1")
    place = rng.randrange(len(header))
    odd = rng.choice(
        ("'", "(", ")", "{", "\n", "\t", "-", "9" * 18, "9" * 5000, "(9999999999,)", "|O", "\u00e9")
    )
    header = header[:place] + odd + header[place + rng.randrange(4) :]
    text = header.encode("latin1")[:65_000]
    return content[:8] + len(text).to_bytes(2, "little") + text + content[10 + size :]


def mutated_tree(content: bytes, rng: random.Random, file: str) -> bytes:
    """A manifest or config with other values."""
    text = content.decode()
    tree = json.loads(text) if file == MANIFEST_NAME else yaml.safe_load(text)
    change(tree, rng)
    if file == CONFIG_FILE:
        return yaml.safe_dump(tree).encode()
    # With a digest that belongs to it, or that would be all that is noticed.
    said = {name: value for name, value in tree.items() if name in ManifestDraft.model_fields}
    canonical = json.dumps([said, tree.get("files")], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:12]
    return json.dumps({**tree, "version": f"1-{digest}"}).encode()


def mutated(file: str, content: bytes, rng: random.Random) -> bytes:
    """One file of a version, changed by byte or by meaning."""
    if rng.random() < 0.4:
        return mutate(content, np.random.default_rng(rng.randrange(2**32)))
    if file == WEIGHTS_FILE:
        return mutated_weights(content, rng)
    if file == CODES_FILE:
        return mutated_array(content, rng)
    if file in (MANIFEST_NAME, CONFIG_FILE):
        return mutated_tree(content, rng, file)
    return content[: rng.randrange(len(content))] + rng.randbytes(rng.randrange(200))


def check(load: Load, path: Path) -> bool:
    """Whether it loads. Anything but our own error, or a long wait, ends the test."""
    began = time.monotonic()
    try:
        load(path)
    except CodecError:
        return False
    finally:
        assert time.monotonic() - began < SLOWEST_SECONDS
    return True


def run_versions(versions: list[Path], folder: Path, count: int, seed: int) -> int:
    """Load `count` versions with one file changed; returns how many loaded all the same."""
    rng, loaded = random.Random(seed), 0
    copies = [Path(shutil.copytree(path, folder / path.parents[1].name)) for path in versions]
    with Growth(GROWTH_MB):
        for _ in range(count):
            version, file = rng.choice(copies), rng.choice(FILES)
            sound = (version / file).read_bytes()
            (version / file).write_bytes(mutated(file, sound, rng))
            loaded += check(load_codec, version)
            (version / file).write_bytes(sound)
    assert all(check(load_codec, version) for version in copies)
    return loaded


def odd_tensor(rng: random.Random, tensor: torch.Tensor) -> Any:
    """Something else in a tensor's place."""
    return rng.choice(
        (
            tensor.half(),
            tensor.long(),
            tensor[..., :0],
            tensor.unsqueeze(0),
            tensor * float("nan"),
            torch.zeros(()).expand(tensor.shape),
            torch.zeros(()).expand(10**6, 10**6),
            torch.zeros(1).expand(10**12),
            tensor.to_sparse(),
            tensor.to(torch.complex64),
            torch.nn.Parameter(tensor.float()),
            None,
            "text",
            [1, 2],
            {"a": tensor},
        )
    )


def changed_weights(content: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """What `torch.load` gave of a weights file, with another tensor or setting somewhere."""
    whole = {**content}
    inner = next((key for key in ("state_dict", "model") if key in whole), None)
    state = dict(whole if inner is None else whole[inner])
    if "metadata" in whole and rng.random() < 0.5:
        whole["metadata"] = {"kwargs": deepcopy(whole["metadata"]["kwargs"])}
        change(whole["metadata"], rng)
    name = rng.choice(sorted(state))
    state[name] = odd_tensor(rng, state[name])
    return state if inner is None else {**whole, inner: state}


def run_foreign(load: Load, source: Path, weights: str, count: int, seed: int) -> int:
    """Import `count` changed copies of the weights in the folder `source`; returns how many loaded."""
    rng, loaded, path = random.Random(seed), 0, source / weights
    sound = path.read_bytes()
    content = torch.load(path, weights_only=True)
    settings = source / "config.yaml"
    config = settings.read_bytes() if settings.exists() else b""
    with Growth(GROWTH_MB):
        for _ in range(count):
            kind = rng.random()
            if kind < 0.3:
                path.write_bytes(mutate(sound, np.random.default_rng(rng.randrange(2**32))))
            elif kind < 0.6 and config:
                settings.write_bytes(mutated(CONFIG_FILE, config, rng))
            else:
                torch.save(changed_weights(content, rng), path)
            loaded += check(load, path if load is not import_funcodec else source)
            path.write_bytes(sound)
            if config:
                settings.write_bytes(config)
    return loaded


@pytest.fixture
def dac(tmp_path: Path) -> Path:
    """A folder with weights of DAC."""
    torch.save({"state_dict": state_dict(TINY), "metadata": {"kwargs": TINY}}, tmp_path / "model.pth")
    return tmp_path


def test_versions_with_a_changed_file(versions: list[Path], tmp_path: Path) -> None:
    assert 1 < run_versions(versions, tmp_path, 80, seed=1) < 40


def test_changed_weights_of_dac(dac: Path) -> None:
    assert 0 < run_foreign(import_dac, dac, "model.pth", 100, seed=2) < 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_four_thousand_versions_with_a_changed_file(versions: list[Path], tmp_path: Path) -> None:
    assert run_versions(versions, tmp_path, 4000, seed=3) > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["dac", "encodec_24khz", "freqcodec_mag_phase_gr1", "semantic_concat"])
def test_four_thousand_changed_weights(name: str, tmp_path: Path, dac: Path) -> None:
    if name == "dac":
        run_foreign(import_dac, dac, "model.pth", 1000, seed=4)
        return
    for file in ("checkpoint.pth", "config.yaml"):
        shutil.copyfile(golden_dir(name) / file, tmp_path / file)
    load = import_encodec if name.startswith("encodec") else import_funcodec
    run_foreign(load, tmp_path, "checkpoint.pth", 1000, seed=5)


def rewritten(version: Path, folder: Path, file: str, content: bytes) -> Path:
    """A copy of a version with another file in the place of one."""
    copy = Path(shutil.copytree(version, folder / "copy"))
    (copy / file).write_bytes(content)
    return copy


def test_a_config_that_asks_for_petabytes_takes_no_memory(versions: list[Path], tmp_path: Path) -> None:
    quantizer = {"codebooks": 64, "codebook_size": 65536, "dimension": 65536}
    network = {"filters": 8192, "time_ratios": [2, 2, 2], "kernel": 1024, "lstm_layers": 8}
    tree = {"family": "seanet", "network": network, "quantizer": quantizer}
    copy = rewritten(versions[1], tmp_path, CONFIG_FILE, yaml.safe_dump(tree).encode())
    with Growth(GROWTH_MB), pytest.raises(RepositoryError, match=r"missing or unexpected|the config wants"):
        load_codec(copy)


def test_golden_codes_that_claim_terabytes_take_no_memory(versions: list[Path], tmp_path: Path) -> None:
    sound = (versions[0] / CODES_FILE).read_bytes()
    size = int.from_bytes(sound[8:10], "little")
    text = b"{'descr': '<u2', 'fortran_order': False, 'shape': (32, 99999999999), }".ljust(size - 1) + b"\n"
    copy = rewritten(versions[0], tmp_path, CODES_FILE, sound[:10] + text + sound[10 + size :])
    with Growth(GROWTH_MB), pytest.raises(RepositoryError, match="cannot be read"):
        load_codec(copy)


def test_a_golden_clip_that_claims_days_takes_no_memory(versions: list[Path], tmp_path: Path) -> None:
    sound = bytearray((versions[0] / INPUT_FILE).read_bytes())
    # The last 36 bits before the checksum of a FLAC file's first block count its samples.
    sound[22:26] = b"\xff\xff\xff\xff"
    copy = rewritten(versions[0], tmp_path, INPUT_FILE, bytes(sound))
    with (
        Growth(GROWTH_MB),
        pytest.raises(RepositoryError, match=r"at most 60 s|cannot be read"),
    ):
        load_codec(copy)


def test_a_weights_file_that_unpacks_to_gigabytes_is_refused(dac: Path) -> None:
    packed = dac / "packed.pth"
    with zipfile.ZipFile(dac / "model.pth") as plain, zipfile.ZipFile(packed, "w") as bomb:
        for entry in plain.namelist():
            content = plain.read(entry)
            if entry.endswith("data/0"):
                content = bytes(2**28)
            bomb.writestr(entry, content, zipfile.ZIP_DEFLATED)
    with Growth(GROWTH_MB), pytest.raises(ForeignModelError, match="is no checkpoint"):
        import_dac(packed)
