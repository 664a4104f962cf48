"""Judging what a load got: every answer against the offline answer of the version that it names."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from codec.audio import AudioLimits, parse_wav
from codec.container import read_cdc
from tests.bench.mixed_load import CallRecord, Kind, Material
from tests.bench.offline import Offline, codes_of_wire, largest_difference, mismatches
from tests.bench.speech import Signal

COLUMNS = ("calls", "number", "answered", "refused", "failed", "wrong", "versions", "p50 ms", "p99 ms")

_WAV_TOLERANCE = 2 / 32768
_FLOAT_TOLERANCE = 1e-4
_MAX_FRAMES = 100_000


class Verdict(StrEnum):
    """What became of a call: WRONG = answered, but not with what its version gives offline."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Judged:
    """A call and its verdict; `reason` for all but OK."""

    record: CallRecord
    verdict: Verdict
    reason: str = ""


@dataclass(slots=True)
class Judge:
    """Knows the versions that may answer; `base` is the one whose codes the material holds."""

    base: Offline
    material: Material
    versions: dict[str, Offline]
    _seen: dict[tuple[Kind, int, str, int, bytes], str] = field(default_factory=dict)

    def judge(self, records: Sequence[CallRecord]) -> list[Judged]:
        """The verdicts, in order."""
        return [self._judge(record) for record in records]

    def _judge(self, record: CallRecord) -> Judged:
        if record.error:
            verdict = Verdict.REFUSED if record.refused else Verdict.FAILED
            return Judged(record, verdict, record.error)
        key = (record.kind, record.clip, record.version, record.inputs, record.payload)
        if key not in self._seen:
            self._seen[key] = self._fault(record)
        reason = self._seen[key]
        return Judged(record, Verdict.WRONG if reason else Verdict.OK, reason)

    def _fault(self, record: CallRecord) -> str:
        """What is wrong with an answer; empty if nothing is."""
        if record.version not in self.versions:
            return f"names version {record.version!r}, which nobody published"
        offline = self.versions[record.version]
        if record.kind in (Kind.REST_ENCODE, Kind.GRPC_ENCODE, Kind.LIVE_ENCODE):
            return self._fault_of_codes(record, offline)
        return self._fault_of_samples(record, offline)

    def _fault_of_codes(self, record: CallRecord, offline: Offline) -> str:
        n_q = self.material.n_q
        if record.kind is Kind.REST_ENCODE:
            tokens = read_cdc(record.payload, _MAX_FRAMES)
            if tokens.version != record.version:
                return f"the header says {record.version}, the file {tokens.version}"
            found = tokens.codes
        else:
            found = codes_of_wire(record.payload, n_q)
        if record.kind is Kind.LIVE_ENCODE:
            if record.inputs == 0:
                return "codes without audio" if record.payload else ""
            pcm = self.material.long[record.clip][: record.inputs]
        else:
            pcm = self.material.short[record.clip]
        wanted = offline.codes(pcm, n_q)
        wrong = mismatches(found, wanted)
        return f"{wrong} of {wanted.size} codes differ" if wrong else ""

    def _fault_of_samples(self, record: CallRecord, offline: Offline) -> str:
        n_q = self.material.n_q
        tolerance = _WAV_TOLERANCE
        if record.kind is Kind.LIVE_DECODE:
            codes = self.base.codes(self.material.long[record.clip], n_q)[:, : record.inputs]
            found, tolerance = np.frombuffer(record.payload, "<f4"), _FLOAT_TOLERANCE
            wanted = offline.samples(codes) if record.inputs else np.zeros(0, np.float32)
        else:
            pcm = self.material.short[record.clip]
            encoder = self.base if record.kind is Kind.REST_DECODE else offline
            wanted = np.clip(offline.samples(encoder.codes(pcm, n_q), len(pcm)), -1, 1)
            found = _samples_of_wav(record.payload)
        difference = largest_difference(found, wanted)
        return "" if difference <= tolerance else f"samples differ by {difference:.3g}"


def summary(judged: Sequence[Judged]) -> list[list[object]]:
    """A line for each kind of call, and one for all."""
    lines = []
    for kind in Kind:
        lines.append(_line(kind.value, [item for item in judged if item.record.kind is kind]))
    return [*lines, _line("all", judged)]


def count(judged: Sequence[Judged], *verdicts: Verdict) -> int:
    """How many calls ended in one of the verdicts."""
    return sum(item.verdict in verdicts for item in judged)


def reasons(judged: Sequence[Judged], told: Callable[[Judged], bool]) -> list[list[object]]:
    """What callers were told, and how often; for those calls that `told` picks."""
    found = Counter(
        (item.record.kind.value, item.verdict.value, item.reason) for item in judged if told(item)
    )
    return [[*key, number] for key, number in sorted(found.items())]


def _line(name: str, judged: Sequence[Judged]) -> list[object]:
    taken = [second for item in judged for second in item.record.latencies]
    quantiles = [f"{1000 * value:.1f}" for value in np.quantile(taken, [0.5, 0.99])] if taken else ["", ""]
    versions = {item.record.version for item in judged if item.record.version}
    counts = [
        count(judged, verdict) for verdict in (Verdict.OK, Verdict.REFUSED, Verdict.FAILED, Verdict.WRONG)
    ]
    return [name, len(judged), *counts, len(versions), *quantiles]


def _samples_of_wav(payload: bytes) -> Signal:
    audio = parse_wav(payload, AudioLimits())
    return np.zeros(0, np.float32) if audio is None else audio.samples[0]
