"""The report of a run: its curves, its codebooks, and what it could not use."""

from pathlib import Path

import pytest
from matplotlib import image

from tests.training.tiny import make_trainer, tiny_recipe, write_audio
from training.run_report import CURVES_NAME, read_curves, write_report
from training.run_view import RunView

pytestmark = pytest.mark.usefixtures("single_thread")


def test_a_run_is_reported(tmp_path: Path) -> None:
    write_audio(tmp_path / "audio")
    (tmp_path / "audio" / "broken.wav").touch()
    out = tmp_path / "run"
    out.mkdir()
    trainer = make_trainer(tiny_recipe(tmp_path, steps=8, discriminator=None))
    for steps in (4, 8):
        with RunView(trainer, out, None, trainer.step + 1) as view:
            while trainer.step < steps:
                view.after(trainer.advance())
    text = write_report(trainer, out).read_text()
    curves = read_curves(out)
    assert curves["mel"].steps == (2, 4, 6, 8)
    low = min(curves["mel"].values)
    row = next(line for line in text.splitlines() if line.startswith("| mel |"))
    assert f"{curves['mel'].values[0]:.4g} | {curves['mel'].values[-1]:.4g} | {low:.4g}" in row
    assert "8 steps of 2 crops of 0.16 s from 0.00 h in 3 recordings" in text
    assert "| 4 | " in text.partition("## Codebooks")[2]
    assert "Not used: 1 recordings" in text
    assert "- broken.wav: " in text
    assert str(tmp_path) not in text.replace(str(trainer.recipe.model), "")
    height, width, _ = image.imread(out / CURVES_NAME).shape
    assert height > 300
    assert width > 1000
