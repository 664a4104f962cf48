"""Draw the dashboard as Grafana lays it out, with what a real Prometheus answers about a running service.

    python -m tests.deploy.picture --seconds 120 --out runs/dashboard.png

For people to look at: is a panel empty, does a figure make sense? A small model is served under a little load
of every kind; Prometheus (Debian's package) watches it.
"""

import argparse
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from tests.deploy.load import serving
from tests.deploy.manifests import as_grafana_asks, dashboard
from tests.deploy.prometheus import Prometheus, prometheus

_COLUMNS = 24
_ROW_INCHES, _COLUMN_INCHES = 0.32, 0.75
_STEP_SECONDS = 2.0
_CALLS = (0.4, 0.7, 1.0)
"""How long each live stream lasts, of the whole."""
_FACTORS = {"percentunit": (100.0, " %"), "bytes": (2.0**-20, " MiB"), "s": (1.0, " s")}


def legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    """A series' name: the target's format with the labels put in."""
    return re.sub(r"\{\{(\w+)\}\}", lambda m: labels.get(m[1], ""), target.get("legendFormat", ""))


class Picture:
    """The panels of the dashboard, drawn one by one; `empty` names those for which there was no answer."""

    def __init__(self, server: Prometheus, seconds: float) -> None:
        self.empty: list[str] = []
        self._server = server
        self._end = time.time()
        self._begin = self._end - seconds
        self._panels = dashboard()["panels"]
        self._height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in self._panels)
        self._figure = plt.figure(figsize=(_COLUMNS * _COLUMN_INCHES, self._height * _ROW_INCHES))

    def save(self, path: Path) -> None:
        """Draw all panels and write the picture."""
        for panel in self._panels:
            self._draw(panel)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._figure.savefig(path, dpi=80)

    def _draw(self, panel: dict[str, Any]) -> None:
        place = panel["gridPos"]
        left, width = place["x"] / _COLUMNS, place["w"] / _COLUMNS
        bottom, height = 1 - (place["y"] + place["h"]) / self._height, place["h"] / self._height
        if panel["type"] == "row":
            self._figure.text(0.01, bottom + height / 3, panel["title"], weight="bold", size=13)
            return
        axes = self._figure.add_axes(
            (left + 0.18 * width, bottom + 0.16 * height, 0.78 * width, 0.68 * height)
        )
        axes.set_title(panel["title"], size=10)
        answers = [(target, self._ask(target)) for target in panel["targets"]]
        if not any(series for _, series in answers):
            self.empty.append(panel["title"])
        {"timeseries": self._lines, "stat": self._figures, "table": self._table}[panel["type"]](
            axes, panel["fieldConfig"]["defaults"].get("unit", ""), answers
        )

    def _ask(self, target: dict[str, Any]) -> list[Any]:
        query = as_grafana_asks(target["expr"])
        return self._server.range(query, self._begin, self._end, _STEP_SECONDS)

    def _lines(self, axes: Axes, unit: str, answers: list[tuple[Any, list[Any]]]) -> None:
        factor, suffix = _FACTORS.get(unit, (1.0, f" {unit}"))
        for target, series in answers:
            for one in series:
                times = [float(at) - self._end for at, _ in one["values"]]
                values = [factor * float(value) for _, value in one["values"]]
                axes.plot(times, values, label=legend(target, one["metric"]), linewidth=1)
        axes.set_xlim(self._begin - self._end, 0)
        # A line at zero is to be seen.
        axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])
        axes.tick_params(labelsize=7)
        axes.set_ylabel(suffix.strip(), size=8)
        if axes.lines:
            axes.legend(fontsize=6, loc="upper left")

    def _figures(self, axes: Axes, unit: str, answers: list[tuple[Any, list[Any]]]) -> None:
        factor, suffix = _FACTORS.get(unit, (1.0, ""))
        found = [(legend(target, one["metric"]), one["values"][-1][1]) for target, s in answers for one in s]
        text = "\n".join(f"{name}\n{factor * float(value):.4g}{suffix}" for name, value in found)
        axes.text(0.5, 0.5, text, size=13, ha="center", va="center")
        axes.axis("off")

    def _table(self, axes: Axes, unit: str, answers: list[tuple[Any, list[Any]]]) -> None:
        rows = [one["metric"] for _, series in answers for one in series]
        text = "\n".join("  ".join(f"{k}={v}" for k, v in row.items() if k != "__name__") for row in rows)
        axes.text(0.0, 0.5, text, size=7, va="center", wrap=True)
        axes.axis("off")


def main() -> int:
    """Serve, watch, draw; the exit status is 1 without Prometheus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="of load (default 120)")
    parser.add_argument("--out", type=Path, default=Path("runs/dashboard.png"))
    arguments = parser.parse_args()
    program = shutil.which("prometheus")
    if program is None:
        print("needs prometheus (Debian: apt-get install prometheus)", file=sys.stderr)
        return 1
    mpl.use("Agg")
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as work,
        serving(Path(work)) as load,
        prometheus(program, load.metrics_target, Path(folder)) as server,
        ThreadPoolExecutor() as pool,
    ):
        calls = [pool.submit(load.talk, arguments.seconds * part) for part in _CALLS]
        began = time.monotonic()
        while time.monotonic() - began < arguments.seconds:
            load.round()
        picture = Picture(server, arguments.seconds)
        picture.save(arguments.out)
        for call in calls:
            call.result()
    print(f"{arguments.out}; without data: {', '.join(picture.empty) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
