"""Quality over bitrate, a panel for every metric."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from training.evaluation.metrics.metric import Metric
from training.evaluation.report import CoderSummary, Report
from training.evaluation.report_folder import PLOT_NAMES

_COLUMNS = 3
_PANEL_INCHES = (4.2, 3.2)
_DPI = 120
_MARKERS = "osD^v"
_TICKS_KBPS = (0.5, 1, 2, 4, 8, 16, 32, 64)


def write_plots(report: Report, folder: Path) -> None:
    """Write `PLOT_NAMES`: means over the payload bitrate, with their intervals, a line for each codec."""
    metrics = report.plan.metrics
    rows = -(-len(metrics) // _COLUMNS)
    columns = min(len(metrics), _COLUMNS)
    size = (_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for metric, panel in zip(metrics, panels, strict=False):
        _draw(panel, metric, report.summaries)
    for panel in panels[len(metrics) :]:
        panel.set_axis_off()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    for name in PLOT_NAMES:
        figure.savefig(folder / name, dpi=_DPI)


def _draw(panel: Axes, metric: Metric, summaries: Sequence[CoderSummary]) -> None:
    for number, family in enumerate(dict.fromkeys(summary.family for summary in summaries)):
        points = sorted(
            (summary.means["payload_bps"].mean / 1000, summary.means[metric.name])
            for summary in summaries
            if summary.family == family and metric.name in summary.means
        )
        means = [mean.mean for _, mean in points]
        lows = [mean.mean - (mean.mean if mean.low is None else mean.low) for _, mean in points]
        highs = [(mean.mean if mean.high is None else mean.high) - mean.mean for _, mean in points]
        panel.errorbar(
            [kbps for kbps, _ in points],
            means,
            yerr=[lows, highs],
            label=family,
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=5,
            capsize=2,
            linewidth=1.5,
        )
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(FixedLocator(_TICKS_KBPS))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda kbps, _: f"{kbps:g}"))
    panel.set_xlabel("kbit/s")
    panel.set_title(f"{metric.title} ({metric.better} is better)", fontsize=9)
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
