"""The presets of the SEANet family with random weights: parameters, speed, and codes that depend on shapes.

    python -m tests.bench.families --seconds 4 encodec_16k freqcodec_m5

One thread, float32. The codebooks are residuals of the speech itself, so that decisions are as close as
those of a trained model. "batch": codes of an item that differ between a batch of four lengths and the item
alone; "stream": between steps of one frame and the whole.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from codec.config import presets
from codec.model_config import load_model_config
from codec.quantizer import ABSENT
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec
from codec.seanet_stream import SeanetStream
from tests.bench.options import make_parser
from tests.bench.speech import as_float, clips
from tests.bench.tables import show, table

COLUMNS = ("preset", "parameters", "encode x real time", "decode x real time", "batch", "stream")
SHARES = (1.0, 0.64, 0.25, 0.43)
"""Lengths of the items of the batch, as shares of the longest."""
N_Q = 8


def build(config: SeanetCodecConfig, speech: Tensor) -> SeanetCodec:
    """Random weights, large enough that the codes vary, and codebooks made of the residuals of speech."""
    torch.manual_seed(0)
    codec = SeanetCodec(config).eval().requires_grad_(False)
    for parameter in codec.parameters():
        if parameter.dim() > 2:
            parameter.mul_(1.7)
    vectors = codec.embed(speech, (speech.shape[-1],) * speech.shape[0]).vectors.flatten(0, 1)
    for book in codec.quantizer.codebooks:
        chosen = vectors[torch.randint(len(vectors), (book.shape[0],))]
        book.copy_(chosen + 0.3 * vectors.std() * torch.randn(book.shape))
        vectors = vectors - book[torch.cdist(vectors, book).argmin(-1)]
    codec.fold_weight_norm()
    return codec


def labels_of(config: SeanetCodecConfig, batch: int, samples: int) -> Tensor | None:
    """Random labels where the model has a semantic stream."""
    if config.semantic is None:
        return None
    return torch.randint(config.semantic.labels, (batch, config.labels_for(samples)))


def batch_mismatch(codec: SeanetCodec, speech: Tensor) -> str:
    """Codes of ragged batches that differ from those of the items alone, of all."""
    lengths = [max(1, int(share * speech.shape[-1])) for share in SHARES]
    words = labels_of(codec.config, len(lengths), max(lengths))
    together = codec.encode(speech, N_Q, lengths, words)
    wrong = total = 0
    for item, length in enumerate(lengths):
        own = None if words is None else words[item : item + 1]
        alone = codec.encode(speech[item : item + 1, :, :length], N_Q, labels=own).codes[0]
        wrong += int((alone != together.codes[item, :, : alone.shape[-1]]).sum())
        total += alone.numel()
    return f"{wrong} of {total}"


def stream_mismatch(codec: SeanetCodec, speech: Tensor) -> str:
    """Codes of a stream of single frames that differ from those of the whole, of all."""
    if not codec.config.streamable:
        return "no stream"
    stream, hop, samples = SeanetStream(codec), codec.config.hop_samples, speech.shape[-1]
    whole = codec.encode(speech[:1], N_Q)
    padded = functional.pad(speech[:1], (0, whole.n_frames[0] * hop - samples))
    state, pieces = stream.encoder_state(1), []
    for frame in padded.split(hop, dim=-1):
        codes, state = stream.encode_step(frame, state, N_Q)
        pieces.append(codes)
    wrong = torch.cat(pieces, dim=-1) != whole.codes
    return f"{int(wrong.sum())} of {int((whole.codes != ABSENT).sum())}"


def seconds_of(work: Callable[[], object]) -> float:
    """The shorter of two runs."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def row(name: str, config: SeanetCodecConfig, speech: Tensor) -> tuple[object, ...]:
    """One row of the table."""
    speech = speech.expand(-1, config.channels, -1)
    parameters = sum(parameter.numel() for parameter in SeanetCodec(config).parameters())
    codec, duration = build(config, speech), speech.shape[-1] / config.sample_rate
    words = labels_of(config, 1, speech.shape[-1])
    encoded = codec.encode(speech[:1], N_Q, labels=words)
    encoding = seconds_of(lambda: codec.encode(speech[:1], N_Q, labels=words))
    decoding = seconds_of(lambda: codec.decode(encoded))
    mismatches = batch_mismatch(codec, speech), stream_mismatch(codec, speech)
    return (name, f"{parameters:,}", duration / encoding, duration / decoding, *mismatches)


def main() -> None:
    """Measure the presets that were named, or all, and print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="PRESET", help="default: every preset of the family")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of the longest item")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    speech = torch.stack([torch.from_numpy(as_float(clip)) for clip in clips(len(SHARES), arguments.seconds)])
    rows = []
    for name in arguments.names or sorted(presets()):
        config = load_model_config(name)
        if isinstance(config, SeanetCodecConfig):
            rows.append(row(name, config, speech.unsqueeze(1)))
            print(*rows[-1], flush=True)
    show(table("SEANet family, random weights", COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
