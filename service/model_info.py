"""What a front end must know of a model version to check requests without the model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts of one model version as its worker tells them in HELLO.

    `delay_samples`: decoded samples that precede sample 0 of the input; `slots`: live streams that the
    worker holds at most; `generation` counts worker starts.
    """

    model: str
    version: str
    token_space: str
    sample_rate: int
    channels: int
    hop_samples: int
    delay_samples: int
    codebooks: int
    codebook_size: int
    causal: bool
    slots: int
    description: str = ""
