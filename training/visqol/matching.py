"""Where in the degraded spectrogram each patch of the reference is found, by dynamic programming."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from training.visqol.nsim import LocalStatistics, band_similarity, local_statistics
from training.visqol.settings import Floats, Settings
from training.visqol.spectrogram import SpectrogramPair

NOWHERE = -np.finfo(np.float64).max
# Small enough for the intermediate results to stay in the cache.
OFFSETS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Match:
    """A patch of the reference and the place in the degraded spectrogram that fits it best."""

    reference_frame: int
    degraded_frame: int
    fvnsim: Floats
    """Similarity by band `[band]`; zeros for a patch that the degraded signal has lost."""
    lost: bool


def match_patches(pair: SpectrogramPair, starts: Sequence[int], settings: Settings) -> list[Match]:
    """Place the patches that begin at frames `starts` in the degraded spectrogram, in their order.

    The sum of the similarities is the highest that can be had. Patches beyond the end of the degraded
    spectrogram are left out.
    """
    n_frames = pair.degraded.shape[1]
    length = settings.patch_frames
    starts = [start for start in starts if start - length // 2 <= n_frames]
    similarity = _Similarity(pair, length)
    cumulated = np.zeros((len(starts), n_frames))
    came_from = np.full((len(starts), n_frames), -1)
    scores = []
    for index, start in enumerate(starts):
        window = _window(start, n_frames, settings)
        scores.append(similarity.everywhere(start, window))
        totals = scores[-1].mean(axis=0)
        if index > 0:
            before = _window(starts[index - 1], n_frames, settings).start
            totals, came_from[index, window] = _extend(cumulated[index - 1], totals, before, window)
        cumulated[index, window] = totals
    return _trace_back(starts, cumulated, came_from, scores, settings)


def _window(start: int, n_frames: int, settings: Settings) -> slice:
    """The degraded frames at which a patch of the reference may be found."""
    return slice(max(0, start - settings.search_frames), min(n_frames, start + settings.search_frames + 1))


def _extend(
    previous: Floats, similarity: Floats, before: int, window: slice
) -> tuple[Floats, NDArray[np.intp]]:
    """Best totals `[offset]` with one more patch, and the offset of the patch before it in each.

    A patch that would lower the total is given up; it then shares the offset of the patch before it.
    """
    reachable = previous[before:]
    best = np.maximum.accumulate(reachable)
    at_best = np.where(reachable == best, np.arange(before, len(previous)), before)
    best_at = np.maximum.accumulate(at_best)
    # A patch comes after the patch before it, by a frame at least.
    offsets = np.arange(window.start, window.stop) - 1 - before
    inside = offsets >= 0
    totals = np.where(inside, similarity + best[offsets], NOWHERE)
    sources = np.where(inside, best_at[offsets], -1)
    lost = previous[window] > totals
    return (
        np.where(lost, previous[window], totals),
        np.where(lost, np.arange(window.start, window.stop), sources),
    )


def _trace_back(
    starts: Sequence[int],
    cumulated: Floats,
    came_from: NDArray[np.intp],
    scores: Sequence[Floats],
    settings: Settings,
) -> list[Match]:
    n_frames = cumulated.shape[1]
    window = _window(starts[-1], n_frames, settings)
    offset = window.start + int(np.argmax(cumulated[-1, window]))
    matches: list[Match] = []
    for index in range(len(starts) - 1, -1, -1):
        window = _window(starts[index], n_frames, settings)
        before = int(came_from[index, offset])
        lost = before == offset
        seen = scores[index][:, offset - window.start]
        matches.append(Match(starts[index], offset, np.zeros_like(seen) if lost else seen, lost))
        offset = before
    return matches[::-1]


class _Similarity:
    """Similarity of patches of the reference to all patches of the degraded spectrogram.

    What depends on the degraded patches alone is computed once: it takes half a kB per band and frame.
    """

    def __init__(self, pair: SpectrogramPair, length: int) -> None:
        self._reference = pair.reference
        self._length = length
        # Past the end a patch is filled up with zeros.
        filled = np.pad(pair.degraded, ((0, 0), (0, length - 1)))
        patches = sliding_window_view(filled, length, axis=1).transpose(0, 2, 1)
        cuts = range(0, patches.shape[2], OFFSETS_AT_ONCE)
        self._degraded = [local_statistics(patches[:, :, at : at + OFFSETS_AT_ONCE]) for at in cuts]

    def everywhere(self, start: int, window: slice) -> Floats:
        """Similarity `[band, offset]` of the patch at frame `start` to the offsets in `window`."""
        patch = local_statistics(self._reference[:, start : start + self._length, None])
        first = window.start // OFFSETS_AT_ONCE
        last = (window.stop - 1) // OFFSETS_AT_ONCE
        found = np.concatenate([self._compare(patch, index) for index in range(first, last + 1)], axis=1)
        skipped = first * OFFSETS_AT_ONCE
        return found[:, window.start - skipped : window.stop - skipped]

    def _compare(self, patch: LocalStatistics, block: int) -> Floats:
        return band_similarity(patch, self._degraded[block])
