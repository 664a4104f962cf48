"""The `README.md` of a model repository: front matter that a hub understands, and the card of the version."""

from pathlib import Path

import yaml

from codec.manifest import Manifest

CARD_FILE = "README.md"

_VERSION_CARD = "card.md"
_MAX_CARD_BYTES = 2**20


def write_card(version: Path, manifest: Manifest, target: Path) -> None:
    """Write the card of the version in a folder; its own `card.md` is the text, where it has one."""
    front = {
        "library_name": "codecd",
        "pipeline_tag": "audio-to-audio",
        "tags": ["audio", "codec", "neural-audio-codec", "speech", "tokens"],
        # The licence of a version is free text, a hub's is one of a list.
        "license": "other",
        "license_name": " ".join(manifest.licence.split()) or "unstated",
    }
    header = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    target.write_text(f"---\n{header}---\n\n{_text(version, manifest)}\n{_usage(manifest)}", encoding="utf-8")


def _text(version: Path, manifest: Manifest) -> str:
    path = version / _VERSION_CARD
    if _VERSION_CARD in manifest.files and path.stat().st_size <= _MAX_CARD_BYTES:
        return path.read_text(encoding="utf-8", errors="replace")
    return f"# {manifest.name}\n\n{manifest.description}\n"


def _usage(manifest: Manifest) -> str:
    form = manifest.token_format
    facts = (
        f"{manifest.sample_rate} Hz, {manifest.channels} channel{'s' if manifest.channels > 1 else ''}, "
        f"{float(form.frame_rate):g} frames/s, up to {manifest.codebooks} codebooks of "
        f"{manifest.codebook_size} entries, token space `{manifest.token_space}`."
    )
    return (
        f"## Use\n\nVersion `{manifest.version}`: {facts}\n\n"
        "```\ncodecd pull hf://OWNER/NAME          # into a model repository, all of it checked\n"
        f"codecd encode speech.wav speech.cdc --model {manifest.name}\n```\n"
    )
