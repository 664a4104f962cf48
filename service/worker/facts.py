"""What a worker tells of its model."""

from dataclasses import replace

from codec.manifest import Manifest
from codec.model_config import ModelConfig
from codec.seanet_config import SeanetCodecConfig
from service.config import DecodeDtype
from service.model_info import ModelInfo


def info_of(
    manifest: Manifest, config: ModelConfig, slots: int, decode_dtype: DecodeDtype = "float32"
) -> ModelInfo:
    """The facts of a version; `slots`: live streams that its worker could hold."""
    info = ModelInfo(
        model=manifest.name,
        version=manifest.version,
        token_space=manifest.token_space,
        sample_rate=manifest.sample_rate,
        channels=manifest.channels,
        hop_samples=manifest.hop_samples,
        delay_samples=manifest.delay_samples,
        codebooks=manifest.codebooks,
        codebook_size=manifest.codebook_size,
        streamable=config.streamable,
        slots=slots if config.streamable else 0,
        description=manifest.description,
        latency_ms=manifest.latency_ms,
        receptive_field_samples=config.receptive_field_samples if config.streamable else None,
        decoder_reach_frames=config.decoder_reach_frames if config.streamable else None,
        decode_dtype=decode_dtype,
    )
    if not isinstance(config, SeanetCodecConfig) or config.streamable:
        return info
    semantic, plan = config.semantic, config.segmentation
    return replace(
        info,
        scaled=config.level == "rms",
        labels=semantic.labels if semantic else 0,
        label_hop_samples=semantic.hop_samples if semantic else 0,
        segment_length_samples=plan.length_samples if plan else 0,
        segment_stride_samples=plan.stride_samples if plan else 0,
        whole_samples=plan.whole_samples if plan else 0,
    )
