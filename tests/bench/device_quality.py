"""What decoding in bfloat16 costs in quality: the same codes of real speech, decoded in both types."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from codec.checkpoint import LoadedCodec
from tests.bench.speech import RATE, as_float, clips
from tests.bench.step_engines import lowered
from training.evaluation.metrics.metric import Pair
from training.evaluation.metrics.suite import Suite, choose_metrics

_CLIPS = 12
_SECONDS = 6.0

COLUMNS = ("n_q", "what", "float32", "bfloat16", "difference", "worst clip")


def quality_rows(loaded: LoadedCodec, n_qs: list[int]) -> Iterator[list[object]]:
    """Noise that bfloat16 adds, and means of the metrics that are installed, over clips of speech."""
    suite, device = choose_metrics(["visqol_speech", "pesq_wb"]), next(loaded.codec.parameters()).device
    speech = [as_float(clip) for clip in clips(_CLIPS, _SECONDS)]
    audio = torch.from_numpy(np.stack(speech))[:, None].to(device)
    half = lowered(loaded, "bfloat16")
    for n_q in n_qs:
        encoded = loaded.codec.encode(audio, n_q)
        full, low = (each.codec.decode(encoded)[:, 0].cpu().numpy() for each in (loaded, half))
        noise = [_snr_db(a, b) for a, b in zip(full, low, strict=True)]
        worst = f"{min(noise):.1f}"
        yield [n_q, "SNR against float32, dB", "", f"{np.mean(noise):.1f}", "", worst]
        yield from _metric_rows(n_q, suite, speech, (full, low))
    for absent in suite.absent:
        yield ["", absent.title, "not measured", absent.reason, "", ""]


def _metric_rows(
    n_q: int, suite: Suite, speech: list[NDArray[np.float32]], decoded: tuple[NDArray[np.float32], ...]
) -> Iterator[list[object]]:
    for metric in suite.metrics:
        measure = metric.prepare()
        full, low = (
            np.array([measure(Pair(a, b, RATE)) for a, b in zip(speech, coded, strict=True)])
            for coded in decoded
        )
        change = low - full
        worst = change.min() if metric.better == "higher" else change.max()
        means = (f"{full.mean():.4f}", f"{low.mean():.4f}", f"{change.mean():+.4f}")
        yield [n_q, metric.title, *means, f"{worst:+.4f}"]


def _snr_db(wanted: NDArray[np.float32], heard: NDArray[np.float32]) -> float:
    noise = np.square(heard.astype(np.float64) - wanted).sum()
    return float(10 * np.log10(np.square(wanted.astype(np.float64)).sum() / noise))
