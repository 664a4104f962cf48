"""The recogniser's parts."""

import pytest
import torch

from training.probe.recogniser import IndexInput, Recogniser, VectorInput


def vectors(frames: int = 40, seed: int = 0) -> torch.Tensor:
    return 3 + 5 * torch.randn(frames, 7, generator=torch.Generator().manual_seed(seed))


def test_vectors_are_scaled_alike_whatever_their_unit() -> None:
    frames = vectors()
    torch.manual_seed(0)
    first = VectorInput(frames)
    torch.manual_seed(0)
    other = VectorInput(1000 * frames - 7)
    assert torch.allclose(first(frames[None]), other(1000 * frames[None] - 7), atol=1e-4)
    constant = VectorInput(torch.ones(5, 7))(torch.ones(1, 5, 7))
    assert constant.isfinite().all()


def test_every_codebook_has_entries_of_its_own() -> None:
    first = IndexInput(codebooks=3, codebook_size=4)
    same_index = torch.full((1, 1, 3), 2)
    entries = first.tables(same_index + first.offsets)[0, 0]
    assert first.tables.num_embeddings == 12
    assert not torch.equal(entries[0], entries[1])
    assert not torch.equal(entries[1], entries[2])


@pytest.mark.parametrize("codebooks", [1, 8])
def test_a_recogniser_has_less_than_half_a_million_parameters(codebooks: int) -> None:
    for first in (VectorInput(torch.randn(9, 320)), IndexInput(codebooks, 1024)):
        recogniser = Recogniser(first, 40)
        assert 150_000 < sum(weight.numel() for weight in recogniser.parameters()) < 500_000


def test_more_codebooks_do_not_make_it_grow_without_end() -> None:
    sizes = [sum(w.numel() for w in IndexInput(codebooks, 1024).parameters()) for codebooks in (8, 32)]
    assert sizes[1] <= sizes[0]


def test_an_item_does_not_depend_on_what_follows_it_in_the_batch() -> None:
    recogniser = Recogniser(VectorInput(vectors()), 5).eval()
    batch = torch.stack([vectors(seed=1), vectors(seed=2)])
    inside = torch.arange(40) < torch.tensor([[25], [40]])
    together = recogniser(batch, inside)
    alone = recogniser(batch[:1, :25], inside[:1, :25])
    assert together.shape == (2, 40, 5)
    assert torch.allclose(together[:1, :25], alone, atol=1e-5)


def test_a_frame_is_heard_from_thirty_frames_away_and_no_farther() -> None:
    recogniser = Recogniser(VectorInput(vectors()), 5).eval()
    inputs = torch.zeros(1, 101, 7)
    changed = inputs.clone()
    changed[0, 50] = 10.0
    inside = torch.ones(1, 101, dtype=torch.bool)
    moved = (recogniser(inputs, inside) - recogniser(changed, inside)).abs().amax(-1)[0] > 1e-6
    assert torch.nonzero(moved).flatten().tolist() == list(range(20, 81))
