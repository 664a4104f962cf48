"""A shard as a tar archive in the form of WebDataset: `ID.cdc` and `ID.json` for every item."""

import io
import json
import tarfile
from pathlib import Path
from urllib.parse import quote

from codec.bulk.job import Settings
from codec.bulk.shard import CodedItem
from codec.tokens import TokenFormat


class TarShard:
    """Writes a tar archive without owners and times, so that the same items give the same bytes."""

    def __init__(self, path: Path, settings: Settings, token_format: TokenFormat) -> None:
        self._facts = {
            "model": settings.model,
            "version": settings.version,
            "token_space": settings.token_space,
            "n_q": settings.n_q,
            "sample_rate": token_format.sample_rate,
            "hop_samples": token_format.hop_samples,
            "codebook_size": token_format.codebook_size,
        }
        self._archive = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  closed by close()

    def add(self, item: CodedItem) -> None:
        """Append an item's two members."""
        counts = {"id": item.id, "n_samples": item.n_samples, "n_frames": item.n_frames}
        facts = json.dumps({**counts, **self._facts, "notes": item.notes}, ensure_ascii=False)
        name = member_name(item.id)
        self._append(f"{name}.cdc", item.cdc)
        self._append(f"{name}.json", facts.encode())

    def close(self) -> None:
        """Write the end of the archive."""
        self._archive.close()

    def _append(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._archive.addfile(member, io.BytesIO(content))


def member_name(item_id: str) -> str:
    """The name of an item's members without their ending.

    Every byte but letters, digits, `_`, `-`, `~` and `/` is written as `%XX`, dots too: readers of WebDataset
    take a name up to its first dot for the key.
    """
    return quote(item_id).replace(".", "%2E")
