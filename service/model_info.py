"""What a front end must know of a model version to check requests without the model."""

from dataclasses import dataclass

from codec.tokens import LabelFormat, Segmentation, SideFormat
from service.ipc import Operation


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Facts of one model version as its worker tells them in HELLO.

    `delay_samples`: decoded samples that precede sample 0 of the input; `streamable`: whether it takes live
    streams, of which the worker holds `slots` at most; `latency_ms` None: the model needs the whole item.
    `scaled`: level factors travel beside the codes; `labels`: different semantic labels that it hears, one
    every `label_hop_samples`, 0 = none. Items longer than `whole_samples` are coded in segments of
    `segment_length_samples`, one every `segment_stride_samples`; 0 = never. A frame's codes depend on
    `receptive_field_samples`, a decoded sample on `decoder_reach_frames`; None: on all before it.
    `decode_dtype`: what the decoder computes in.
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
    streamable: bool
    slots: int
    description: str = ""
    latency_ms: float | None = None
    scaled: bool = False
    labels: int = 0
    label_hop_samples: int = 0
    segment_length_samples: int = 0
    segment_stride_samples: int = 0
    whole_samples: int = 0
    receptive_field_samples: int | None = None
    decoder_reach_frames: int | None = None
    decode_dtype: str = "float32"

    @property
    def label_format(self) -> LabelFormat | None:
        """What the model's labels are; None if it hears none."""
        return LabelFormat(self.labels, self.label_hop_samples) if self.labels else None

    def prime_frames(self, operation: Operation) -> int | None:
        """Frames of earlier input that make a fresh stream go on as a long one would; None: none do."""
        if operation is Operation.ENCODE:
            reach = self.receptive_field_samples
            return None if reach is None else -(-reach // self.hop_samples) - 1
        if self.decoder_reach_frames is None:
            return None
        # A decoder drops what precedes sample 0, which must not be what the caller waits for.
        return max(self.decoder_reach_frames - 1, -(-self.delay_samples // self.hop_samples))

    def side_format(self, n_samples: int) -> SideFormat:
        """What stands beside the codes of an item of so many samples."""
        segmentation = None
        if self.segment_length_samples and n_samples > self.whole_samples:
            segmentation = Segmentation(self.segment_length_samples, self.segment_stride_samples)
        return SideFormat(self.scaled, self.label_format, segmentation)
