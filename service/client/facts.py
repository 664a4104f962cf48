"""What gRPC tells of a model, as REST tells it."""

from proto.codec.v1 import codec_pb2 as pb
from service.model_info import ModelInfo


def info_of(model: pb.ModelInfo) -> ModelInfo:
    """The facts of one version; `slots`, which gRPC does not tell, is 0."""
    identity = model.identity
    reach = model.receptive_field_samples if model.HasField("receptive_field_samples") else None
    decoder_reach = model.decoder_reach_frames if model.HasField("decoder_reach_frames") else None
    return ModelInfo(
        *(identity.model, identity.version, identity.token_space, model.sample_rate, model.channels),
        *(model.hop_samples, model.delay_samples, model.max_n_q, model.codebook_size, model.streamable),
        slots=0,
        description=model.description,
        latency_ms=model.latency_ms if model.HasField("latency_ms") else None,
        scaled=model.scaled,
        labels=model.labels,
        label_hop_samples=model.label_hop_samples,
        segment_length_samples=model.segmentation.length_samples,
        segment_stride_samples=model.segmentation.stride_samples,
        whole_samples=model.whole_samples,
        receptive_field_samples=reach,
        decoder_reach_frames=decoder_reach,
        decode_dtype=model.decode_dtype or "float32",
    )
