"""The report of a run that ended: `report.md` with its curves, from what it told TensorBoard."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from codec.atomic import replacing
from training.markdown_table import markdown_table
from training.run_view import VALIDATION
from training.trainer import Trainer

REPORT_NAME, CURVES_NAME = "report.md", "curves.png"

_COLUMNS = 3
_PANEL_INCHES = (4.2, 2.6)
_DPI = 110


@dataclass(frozen=True, slots=True)
class Curve:
    """One number over the steps of a run."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


def write_report(trainer: Trainer, out: Path) -> Path:
    """Write the report and its picture into the folder of the run; returns the path of the report."""
    curves = read_curves(out)
    shown = [c for c in curves.values() if "/" not in c.name or c.name == VALIDATION]
    _draw(shown, out / CURVES_NAME)
    with replacing(out / REPORT_NAME) as draft:
        draft.write_text(_text(trainer, shown, curves), encoding="utf-8")
    return out / REPORT_NAME


def read_curves(out: Path) -> dict[str, Curve]:
    """All scalars that the run has written, over all its resumptions, by name."""
    points: defaultdict[str, dict[int, float]] = defaultdict(dict)
    # By age, file by file: tensorboard itself sorts names, of which those of one second may be in any order.
    for file in sorted(out.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
        events = EventAccumulator(str(file), {"scalars": 0})
        events.Reload()
        for name in events.Tags()["scalars"]:
            new = {point.step: point.value for point in events.Scalars(name)}
            # What a crashed run had written beyond its last checkpoint was done again.
            before = {step: value for step, value in points[name].items() if step < min(new)}
            points[name] = before | new
    return {name: Curve(name, tuple(found), tuple(found.values())) for name, found in sorted(points.items())}


def _draw(curves: Sequence[Curve], path: Path) -> None:
    rows = max(1, -(-len(curves) // _COLUMNS))
    size = (_PANEL_INCHES[0] * _COLUMNS, _PANEL_INCHES[1] * rows)
    figure = Figure(figsize=size)
    # Room for titles and numbers; a layout engine would take seconds to find the same.
    room = {
        "left": 0.05,
        "right": 0.99,
        "bottom": 0.3 / size[1],
        "top": 1 - 0.3 / size[1],
        "hspace": 0.4,
        "wspace": 0.25,
    }
    panels = figure.subplots(rows, _COLUMNS, squeeze=False, gridspec_kw=room).flatten().tolist()
    for panel, curve in zip(panels, curves, strict=False):
        panel.plot(curve.steps, curve.values, linewidth=1.2)
        panel.set_title(curve.name, fontsize=9)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(curves) :]:
        panel.set_axis_off()
    figure.savefig(path, dpi=_DPI)


def _text(trainer: Trainer, shown: Sequence[Curve], curves: dict[str, Curve]) -> str:
    recipe, data = trainer.recipe, trainer.data
    hours = data.seconds / 3600
    lines = [
        f"# Training run of {recipe.model or recipe.init}",
        "",
        f"{trainer.step} steps of {recipe.data.batch_items} crops of {recipe.data.crop_seconds:g} s from "
        f"{hours:.2f} h in {len(data.store.lengths)} recordings, seed {recipe.seed}.",
        "",
        f"![curves]({CURVES_NAME})",
        "",
        *markdown_table(("", "first", "last", "smallest", "at step"), [_row(curve) for curve in shown]),
    ]
    if math.isfinite(trainer.best_distance):
        lines += ["", f"Best checkpoint: `best.pt`, mel distance {trainer.best_distance:.4f} on data.valid."]
    lines += _codebooks(curves)
    if data.broken:
        lines += ["", f"## Not used: {len(data.broken)} recordings", ""]
        lines += [
            f"- {item.path.name}: {item.reason.replace(str(item.path), 'the file')}" for item in data.broken
        ]
    return "\n".join([*lines, ""])


def _row(curve: Curve) -> tuple[str, ...]:
    low = min(curve.values)
    at = curve.steps[curve.values.index(low)]
    return curve.name, f"{curve.values[0]:.4g}", f"{curve.values[-1]:.4g}", f"{low:.4g}", str(at)


def _codebooks(curves: dict[str, Curve]) -> list[str]:
    """The use of every codebook when the run last listened; nothing if it never did."""
    prefix = "codebook_perplexity/"
    stages = [name.removeprefix(prefix) for name in curves if name.startswith(prefix)]
    if not stages:
        return []
    rows = []
    for stage in stages:
        perplexity = curves[prefix + stage].values[-1]
        used = curves[f"codebook_used_share/{stage}"].values[-1]
        rows.append((int(stage) + 1, f"{math.log2(perplexity):.2f}", f"{perplexity:.1f}", f"{used:.0%}"))
    head = ["", "## Codebooks, over the excerpt listened to", ""]
    return [*head, *markdown_table(("codebook", "entropy, bits", "perplexity", "entries used"), rows)]
