"""The card has front matter that parses, the text of the version, and how to use it."""

from pathlib import Path

import yaml

from codec.hub.card import write_card
from codec.manifest import FileEntry
from codec.repository import VersionPath


def test_front_matter_and_use(version: VersionPath, tmp_path: Path) -> None:
    manifest = version.manifest().model_copy(
        update={"licence": "CC0: all\n--- of it", "description": "Tiny."}
    )
    write_card(version.path, manifest, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert fields["library_name"] == "codecd"
    assert (fields["license"], fields["license_name"]) == ("other", "CC0: all --- of it")
    assert body.startswith("\n# tiny\n\nTiny.\n")
    assert f"Version `{manifest.version}`: 16000 Hz, 1 channel, 50 frames/s, up to 6 codebooks" in body


def test_the_text_is_the_card_of_the_version(version: VersionPath, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# Mine\n")
    entry = FileEntry(size_bytes=7, sha256="0" * 64)
    manifest = version.manifest()
    manifest = manifest.model_copy(update={"files": {**manifest.files, "card.md": entry}})
    write_card(tmp_path, manifest, tmp_path / "README.md")
    assert "# Mine\n" in (tmp_path / "README.md").read_text()
