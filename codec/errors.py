"""The errors that callers of the library may see; every message says what is wrong and what to do."""


class CodecError(Exception):
    """Base of all errors that codecd raises on purpose."""


class InvalidAudioError(CodecError):
    """Audio that cannot be read or coded: not audio, empty, not finite, or in an unsupported format."""


class InvalidTokensError(CodecError):
    """Tokens that cannot be decoded: out of range, wrong shape, or an unknown number of codebooks."""


class InvalidRequestError(CodecError):
    """A parameter outside its range, for example n_q of 0 or 33."""


class LimitExceededError(CodecError):
    """Input above a stated limit of size, duration, rate or channels."""


class ContainerError(CodecError):
    """A `.cdc` file that is damaged, truncated, of another format, or of a newer version."""


class TokenSpaceMismatchError(CodecError):
    """Tokens made with other codebooks than the ones asked to decode them."""


class ConfigError(CodecError):
    """A model or training configuration that is not valid."""


class RepositoryError(CodecError):
    """A model repository, version or channel that is missing, damaged, or refused."""


class NotFoundError(RepositoryError):
    """An unknown model, version or channel."""


class ForeignModelError(CodecError):
    """Weights of another toolkit that cannot be imported: damaged, unsafe, or not of a known model."""
