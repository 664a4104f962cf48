"""What has answered for a channel: the version now, and those to go back to."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from codec.manifest import VersionName

_MAX_VERSIONS = 32


class Served(BaseModel):
    """`versions`: oldest first, the present one last; `generation`: of the channel when that began to serve.

    A version that was stepped back from is not among them: whoever goes back twice gets further back.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    versions: Annotated[tuple[VersionName, ...], Field(max_length=_MAX_VERSIONS, strict=False)] = ()
    generation: Annotated[int, Field(ge=0)] = 0

    def after(self, version: str, generation: int) -> "Served":
        """The same when `version` has begun to serve."""
        versions = self.versions
        if versions[-2:-1] == (version,):
            versions = versions[:-1]
        elif versions[-1:] != (version,):
            versions = (*versions, version)[-_MAX_VERSIONS:]
        return Served(versions=versions, generation=generation)

    def before(self, version: str) -> str:
        """The last version that served other than `version`, which is the one to replace; "" for none."""
        versions = self.versions[:-1] if self.versions[-1:] == (version,) else self.versions
        return versions[-1] if versions else ""
