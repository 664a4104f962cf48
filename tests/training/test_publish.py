"""From a run to a version that anybody can load."""

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
import yaml

from codec.checkpoint import open_codec
from codec.errors import ConfigError, RepositoryError
from codec.golden import golden_mismatch
from codec.repository import Repository
from tests.support import SAMPLE_RATE_HZ, voiced
from tests.training.evaluation.reports import made_report
from tests.training.tiny import shrunk, tiny_recipe, write_audio, write_labels
from training.evaluation.candidates import open_candidates
from training.evaluation.report import write_json
from training.evaluation.report_folder import read_report
from training.publish import Publication, publish_run
from training.run import train
from training.run_state import CHECKPOINT, read_run

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("publish")
    write_audio(made / "audio")
    train(tiny_recipe(made, steps=6), made / "run")
    return made


def test_a_published_run_loads_and_reproduces_its_golden_codes(folder: Path, tmp_path: Path) -> None:
    version = publish_run(folder / "run", tmp_path, Publication("tiny", "stable", description="for a test"))
    loaded = open_codec("tiny", tmp_path)
    assert loaded.identity.version == version
    assert golden_mismatch(loaded.codec, loaded.golden) == 0
    assert loaded.golden.codes.unique().numel() > 4
    assert (loaded.manifest.description, loaded.manifest.licence) == ("for a test", "")


def test_what_is_published_is_the_average(folder: Path, tmp_path: Path) -> None:
    publish_run(folder / "run", tmp_path, Publication("tiny", "stable"))
    published = open_codec("tiny", tmp_path).codec.state_dict()
    state = read_run(folder / "run" / CHECKPOINT)
    for name, tensor in state["average"].items():
        assert torch.equal(published[name], tensor.half().float())
    assert not torch.equal(state["average"]["encoder.enter.weight"], state["codec"]["encoder.enter.weight"])
    books = state["codec"]["quantizer.codebooks"]
    assert torch.equal(published["quantizer.codebooks"], books.half().float())


def test_a_checkpoint_a_clip_and_a_card_can_be_named(folder: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "clip.wav", voiced(0.5, sample_rate_hz=8000), 8000)
    (tmp_path / "card.md").write_text("# Tiny\n")
    publication = Publication("tiny", "canary", tmp_path / "clip.wav", card=tmp_path / "card.md")
    root = tmp_path / "models"
    version = publish_run(folder / "run" / CHECKPOINT, root, publication)
    place = Repository(root).resolve("tiny@canary")
    assert place.version == version
    assert (place.path / "card.md").read_text() == "# Tiny\n"
    assert soundfile.info(place.path / "golden" / "input.flac").frames == SAMPLE_RATE_HZ // 2
    with pytest.raises(RepositoryError, match="no channel 'stable'"):
        open_codec("tiny", root)


def test_the_report_goes_with_it_and_its_means_are_the_metrics(folder: Path, tmp_path: Path) -> None:
    with open_candidates([str(folder / "run")], tmp_path) as (run,):
        about = replace(made_report().circumstances, weights_sha256=run.weights_sha256)
    report = tmp_path / "report"
    report.mkdir()
    write_json(report / "report.json", replace(made_report(), circumstances=about))
    for name in ("report.md", "rate_quality.svg", "scores.csv"):
        (report / name).write_text(f"# {name}\n")
    publish_run(folder / "run", tmp_path / "models", Publication("tiny", "stable", report=report))
    place = Repository(tmp_path / "models")
    version = place.resolve("tiny")
    manifest = place.verify(version)
    assert {"rate_quality.svg", "report.json", "report.md"} < set(manifest.files)
    assert "scores.csv" not in manifest.files
    assert (version.path / "report.md").read_text() == "# report.md\n"
    assert manifest.metrics["si_sdr_db, n_q 8"] == 2
    assert manifest.metrics == read_report(report).metrics


def test_a_report_about_other_weights_is_not_published(folder: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", made_report())
    publication = Publication("tiny", "stable", report=tmp_path)
    with pytest.raises(ConfigError, match="the report is about other weights; run codecd eval on this run"):
        publish_run(folder / "run", tmp_path / "models", publication)
    with pytest.raises(ConfigError, match=r"has no report\.json"):
        publish_run(folder / "run", tmp_path / "models", Publication("tiny", "stable", report=folder))
    assert not (tmp_path / "models").exists()


def test_the_recipe_goes_with_it_but_not_where_the_audio_lay(folder: Path, tmp_path: Path) -> None:
    publish_run(folder / "run", tmp_path, Publication("tiny", "stable"))
    text = (Repository(tmp_path).resolve("tiny").path / "recipe.yaml").read_text()
    recipe = yaml.safe_load(text)
    assert recipe["data"]["train"] is None
    assert recipe["steps"] == 6
    assert str(folder / "audio") not in text


def test_a_run_without_codebooks_is_not_published(folder: Path, tmp_path: Path) -> None:
    train(tiny_recipe(folder, steps=2), tmp_path / "young")
    with pytest.raises(ConfigError, match=r"no codebooks yet; train beyond codebooks\.start_step"):
        publish_run(tmp_path / "young", tmp_path / "models", Publication("tiny", "stable"))
    assert not (tmp_path / "models").exists()


def test_what_is_no_run_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        publish_run(tmp_path / "nothing", tmp_path / "models", Publication("tiny", "stable"))
    (tmp_path / "x.pt").write_text("text")
    with pytest.raises(ConfigError, match="is damaged or no training checkpoint"):
        publish_run(tmp_path / "x.pt", tmp_path / "models", Publication("tiny", "stable"))


@pytest.mark.parametrize("name", ["funcodec_16k", "freqcodec_m6", "semantic_concat", "dac_16k"])
def test_models_of_every_family_are_published(name: str, folder: Path, tmp_path: Path) -> None:
    write_labels(folder / "labels", folder / "audio")
    train(shrunk(name, folder, steps=1, discriminator=None), tmp_path / "run")
    publish_run(tmp_path / "run", tmp_path / "models", Publication("tiny", "stable"))
    loaded = open_codec("tiny", tmp_path / "models")
    assert loaded.codec.config.family == "seanet"
    assert golden_mismatch(loaded.codec, loaded.golden) == 0
    recipe = yaml.safe_load(
        (Repository(tmp_path / "models").resolve("tiny").path / "recipe.yaml").read_text()
    )
    assert recipe["data"]["labels"] is None
    assert "/" not in recipe["model"]


def test_checkpoints_of_older_runs_are_published(folder: Path, tmp_path: Path) -> None:
    """Before gates, balancers, best ones and the newer keys of recipes; with a config that says less."""
    state = read_run(folder / "run" / CHECKPOINT)
    for key in ("balancer", "generator_loss", "best_distance"):
        del state[key]
    recipe = {"model": "stream_16k", "seed": 0, "steps": 6, "data": {"train": "/data/speech"}}
    torch.save(state | {"recipe": yaml.safe_dump(recipe)}, tmp_path / "old.pt")
    publish_run(tmp_path / "old.pt", tmp_path / "models", Publication("tiny", "stable"))
    found = Repository(tmp_path / "models").resolve("tiny").path / "recipe.yaml"
    assert yaml.safe_load(found.read_text()) == recipe | {"data": {"train": None}}
