"""Ways in which a model repository goes bad."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from codec.checkpoint import WEIGHTS_FILE, draft_manifest, write_files
from codec.golden import CODES_FILE
from codec.manifest import MANIFEST_NAME
from codec.repository import DEFAULT_CHANNEL, Repository, VersionPath
from tests.faults.service import MODEL
from tests.service.tiny import tiny_codec
from tests.support import voiced

Damage = Callable[[Path], None]


def publish_damaged(root: Path, work: Path, seed: int, *, before: Damage, after: Damage) -> VersionPath:
    """Publish a version that is damaged `before` it gets its digests, or `after`, and roll it out."""
    folder = work / f"files-{seed}"
    codec = tiny_codec(seed)
    write_files(codec, torch.from_numpy(voiced(1.0)).reshape(1, 1, -1), folder)
    before(folder)
    draft = draft_manifest(codec, MODEL, description=f"damaged {seed}")
    repository = Repository(root)
    version = repository.publish(MODEL, folder, draft, channel="incoming")
    after(version.path)
    repository.set_channel(MODEL, DEFAULT_CHANNEL, version.version)
    shutil.rmtree(folder)
    return version


def channel_file(root: Path) -> Path:
    """The file that says which version is served."""
    return root / MODEL / "channels" / f"{DEFAULT_CHANNEL}.json"


def nothing(folder: Path) -> None:
    """Leave it as it is."""


def half_of_the_weights(version: Path) -> None:
    path = version / WEIGHTS_FILE
    os.truncate(path, path.stat().st_size // 2)


def no_manifest(version: Path) -> None:
    (version / MANIFEST_NAME).unlink()


def manifest_that_is_a_loop(version: Path) -> None:
    (version / MANIFEST_NAME).unlink()
    (version / MANIFEST_NAME).symlink_to(MANIFEST_NAME)


def manifest_that_is_a_pipe(version: Path) -> None:
    (version / MANIFEST_NAME).unlink()
    os.mkfifo(version / MANIFEST_NAME)


def manifest_that_lies(version: Path) -> None:
    manifest = json.loads((version / MANIFEST_NAME).read_text())
    manifest["hop_samples"] *= 2
    manifest["frame_rate"] = [25, 1]
    (version / MANIFEST_NAME).write_text(json.dumps(manifest))


def manifest_of_thousands_of_faults(version: Path) -> None:
    """One that takes a megabyte to say what is wrong with it."""
    manifest = json.loads((version / MANIFEST_NAME).read_text())
    manifest |= {f"surprise_{number}": number for number in range(5000)}
    (version / MANIFEST_NAME).write_text(json.dumps(manifest))


def flipped_byte(version: Path) -> None:
    path = version / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def nan_weights(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS_FILE)
    next(iter(tensors.values())).view(-1)[0] = torch.nan
    save_file(tensors, folder / WEIGHTS_FILE)


def wrong_shapes(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS_FILE)
    tensors["quantizer.codebooks"] = tensors["quantizer.codebooks"][:, :-1].contiguous()
    save_file(tensors, folder / WEIGHTS_FILE)


def huge_header(folder: Path) -> None:
    """A weights file that claims a header of an exabyte."""
    content = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes((1 << 60).to_bytes(8, "little") + content[8:])


def wrong_golden(folder: Path) -> None:
    codes = np.load(folder / CODES_FILE)
    np.save(folder / CODES_FILE, (codes + 1) % 1024)


def pickled_golden(folder: Path) -> None:
    """Golden codes that would run code if somebody unpickled them."""
    np.save(folder / CODES_FILE, np.array([{"a": 1}], dtype=object), allow_pickle=True)


# Damage before publishing, damage after it, and the gate that has to find it.
DAMAGES: dict[str, tuple[Damage, Damage, str]] = {
    "flipped byte": (nothing, flipped_byte, "digest"),
    "half-published": (nothing, half_of_the_weights, "digest"),
    "no manifest": (nothing, no_manifest, "schema"),
    "manifest in a loop": (nothing, manifest_that_is_a_loop, "schema"),
    "manifest that lies": (nothing, manifest_that_lies, "schema"),
    "thousands of faults": (nothing, manifest_of_thousands_of_faults, "schema"),
    "manifest that is a pipe": (nothing, manifest_that_is_a_pipe, "schema"),
    "NaN": (nan_weights, nothing, "weights"),
    "wrong shapes": (wrong_shapes, nothing, "weights"),
    "huge header": (huge_header, nothing, "weights"),
    "wrong golden codes": (wrong_golden, nothing, "golden"),
    "pickled golden codes": (pickled_golden, nothing, "weights"),
}


def not_json(path: Path) -> None:
    path.write_text("version: 7\n")


def binary(path: Path) -> None:
    path.write_bytes(os.urandom(3000))


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 34)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def escaping_version(path: Path) -> None:
    path.write_text(json.dumps({"version": "../../../etc", "generation": 99}))


def unknown_version(path: Path) -> None:
    path.write_text(json.dumps({"version": "99-0123456789ab", "generation": 99}))


def deep(path: Path) -> None:
    path.write_text("[" * 4000)


def gone(path: Path) -> None:
    path.unlink()


CHANNEL_FAULTS: tuple[Damage, ...] = (
    not_json, binary, huge, endless, loop, folder, escaping_version, deep, gone,
)  # fmt: skip
