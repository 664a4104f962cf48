"""Where the time of training steps goes: operators, and phases with their share of the backward passes.

A phase is a call that is labelled while it is watched. A backward operation belongs to the phase whose
forward operation it undoes: both carry the same sequence number.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from training.trainer import Trainer

PHASES = (
    "data",
    "encoder",
    "quantizer",
    "decoder",
    "reconstruction losses",
    "discriminator phase",
    "generator phase through the discriminators",
    "optimisers",
    "codebooks",
)
ELSEWHERE = "averages, clipping, sums of losses, all else"

_LABEL = "phase: "
_BACKWARD = "autograd::engine::evaluate_function"


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """Seconds of one phase, all watched steps together."""

    name: str
    forward_s: float
    backward_s: float


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """Seconds in one operator itself, all watched steps together."""

    name: str
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StepProfile:
    """The times of the device: a GPU's kernels, or else the CPU's operators."""

    phases: tuple[PhaseTime, ...]
    operators: tuple[OperatorTime, ...]

    @property
    def seconds(self) -> float:
        """All of it."""
        return sum(phase.forward_s + phase.backward_s for phase in self.phases)


def profile_steps(trainer: Trainer, steps: int) -> StepProfile:
    """Watch that many steps of a trainer that is warm; its phases stay labelled."""
    _label_phases(trainer)
    on_gpu = trainer.ranks.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as watched:
        for _ in range(steps):
            trainer.advance()
    events = watched.events()
    assert events is not None
    return StepProfile(_phases(events, on_gpu), _operators(events, on_gpu))


def _label_phases(trainer: Trainer) -> None:
    _label(trainer.data, "batch", "data")
    _label(trainer.view, "embed", "encoder")
    _label(trainer.view.quantizer, "forward", "quantizer")
    _label(trainer.view, "synthesise", "decoder")
    _label(trainer.loss, "forward", "reconstruction losses")
    _label(trainer.optimiser, "step", "optimisers")
    if trainer.codebooks:
        _label(trainer.codebooks, "update", "codebooks")
    if trainer.jury:
        _label(trainer.jury, "loss", "discriminator phase")
        _label(trainer.jury, "terms", "generator phase through the discriminators")
        _label(trainer.judge_optimiser, "step", "optimisers")


def _label(owner: object, name: str, phase: str) -> None:
    call: Callable[..., Any] = getattr(owner, name)

    def labelled(*arguments: Any, **named: Any) -> Any:
        with record_function(_LABEL + phase):
            return call(*arguments, **named)

    setattr(owner, name, labelled)


def _phases(events: Iterable[FunctionEvent], on_gpu: bool) -> tuple[PhaseTime, ...]:
    operations = [event for event in events if event.device_type.name == "CPU"]
    phase_of: dict[int, str] = {}
    for event in operations:
        phase = _label_around(event)
        if phase and event.sequence_nr >= 0 and not event.name.startswith(_BACKWARD):
            # The numbers count the operations that have a backward one; others repeat the next number.
            phase_of[event.sequence_nr] = phase
    forward: defaultdict[str, float] = defaultdict(float)
    backward: defaultdict[str, float] = defaultdict(float)
    for event in operations:
        seconds = _own_seconds(event, on_gpu)
        root = _node_around(event)
        if root is not None:
            backward[phase_of.get(root.sequence_nr, ELSEWHERE)] += seconds
        else:
            forward[_label_around(event) or ELSEWHERE] += seconds
    return tuple(PhaseTime(name, forward[name], backward[name]) for name in (*PHASES, ELSEWHERE))


def _label_around(event: FunctionEvent) -> str | None:
    around: FunctionEvent | None = event
    while around is not None:
        if around.name.startswith(_LABEL):
            return around.name.removeprefix(_LABEL)
        around = around.cpu_parent
    return None


def _node_around(event: FunctionEvent) -> FunctionEvent | None:
    """The node of the backward graph that an event is part of."""
    around: FunctionEvent | None = event
    while around is not None and not around.name.startswith(_BACKWARD):
        around = around.cpu_parent
    return around


def _operators(events: Iterable[FunctionEvent], on_gpu: bool) -> tuple[OperatorTime, ...]:
    """The longest first."""
    seconds: defaultdict[str, float] = defaultdict(float)
    calls: defaultdict[str, int] = defaultdict(int)
    for event in events:
        if event.device_type.name == "CPU" and not event.name.startswith(_LABEL):
            seconds[event.name] += _own_seconds(event, on_gpu)
            calls[event.name] += 1
    order = sorted(seconds, key=lambda name: seconds[name], reverse=True)
    return tuple(OperatorTime(name, calls[name], seconds[name]) for name in order)


def _own_seconds(event: FunctionEvent, on_gpu: bool) -> float:
    microseconds: float = event.self_device_time_total if on_gpu else event.self_cpu_time_total
    return microseconds * 1e-6
