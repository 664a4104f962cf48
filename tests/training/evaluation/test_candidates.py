"""Models to evaluate, published or not."""

from pathlib import Path

import pytest
import torch

from codec.errors import CodecError, InvalidRequestError, NotFoundError
from tests.codec.models import publish_tiny
from tests.training.tiny import tiny_recipe, write_audio
from training.evaluation.candidates import open_candidates
from training.publish import Publication, publish_run
from training.run import train
from training.run_state import CHECKPOINT, read_run

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("candidates")
    publish_tiny(made / "models")
    write_audio(made / "audio")
    train(tiny_recipe(made, steps=5), made / "a run")
    return made


def test_published_models_and_runs_stand_side_by_side(folder: Path) -> None:
    run = folder / "a run"
    with open_candidates(["tiny", str(run), str(run / CHECKPOINT)], folder / "models") as found:
        published, unpublished, again = found
        assert [candidate.name for candidate in found] == ["tiny", "a_run", "a_run 3"]
        assert published.version == published.loaded.manifest.version
        assert unpublished.version == again.version == "(run, step 5)"
        assert unpublished.weights_sha256 == again.weights_sha256 != published.weights_sha256
        # Other processes find it too.
        assert (unpublished.repository / unpublished.reference).is_dir()
        weights = unpublished.loaded.codec.state_dict()
        for name, tensor in read_run(run / CHECKPOINT)["average"].items():
            assert torch.equal(weights[name], tensor.half().float())
    assert not unpublished.repository.exists()


def test_what_is_measured_is_what_is_published(folder: Path, tmp_path: Path) -> None:
    """The digest does not depend on name, channel or time."""
    publish_run(folder / "a run", tmp_path, Publication("other", "canary", licence="MIT"))
    with open_candidates(["other@canary", str(folder / "a run")], tmp_path) as (shipped, before):
        assert shipped.weights_sha256 == before.weights_sha256


def test_a_model_is_coded_with_the_codebooks_that_it_has(folder: Path) -> None:
    with open_candidates(["tiny"], folder / "models") as (tiny,):
        assert tiny.codebooks == 6
        assert [coder.n_q for coder in tiny.coders(None)] == [1, 2, 4, 6]
        assert [coder.label for coder in tiny.coders((4, 1, 4))] == ["tiny, n_q 1", "tiny, n_q 4"]
        with pytest.raises(InvalidRequestError, match="n_q is 7"):
            tiny.coders((7,))
        # Beside a model that has more, it shows its best.
        assert [coder.n_q for coder in tiny.coders_beside((2, 8, 32))] == [2, 6]
        assert tiny.coders_beside(None) == tiny.coders(None)


@pytest.mark.parametrize(("reference", "kind"), [("nobody", NotFoundError), ("no/folder", CodecError)])
def test_what_is_neither_is_refused(reference: str, kind: type[Exception], folder: Path) -> None:
    with pytest.raises(kind), open_candidates(["tiny", reference], folder / "models"):
        pass
