"""Ready codecs of all families, from wherever they are."""

from pathlib import Path

from codec.checkpoint import LoadedCodec, open_codec
from codec.commands.options import default_repository
from codec.hub.place import FolderPlace, place_of
from codec.hub.pull import fetched


def from_pretrained(reference: str | Path, repository: Path | None = None) -> LoadedCodec:
    """A codec with its manifest, on the CPU in float32, every digest and the golden codes checked.

    `reference`: `hf://owner/name[@revision]`, a folder (of a version, or one that `codecd push` made), or
    `name`, `name@channel`, `name@version` of a repository, the default one if None. Raises `RepositoryError`
    for what is missing or damaged.
    """
    text = str(reference)
    place = place_of(text)
    if isinstance(place, FolderPlace) and "/" not in text and not place.path.is_dir():
        return open_codec(text, repository or default_repository())
    with fetched(place) as (_, loaded):
        return loaded
