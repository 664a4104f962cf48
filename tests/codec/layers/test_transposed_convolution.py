"""Transposed convolutions: lengths, cuts and streams."""

import pytest
import torch

from codec.layers.padded_convolution import Shape, Style, Window
from codec.layers.transposed_convolution import TransposedConvolution

LENGTHS = [9, 1, 4]
SHAPES = {
    "time": Shape(4, 2, Window(10, 5)),
    "two axes": Shape(4, 2, Window(4, 2), Window(8, 4)),
    "no time stride": Shape(4, 2, Window(2, 1), Window(8, 4), groups=2),
}


def build(shape: Shape, causal: bool, norm: str, extra_rows: int = 0) -> TransposedConvolution:
    torch.manual_seed(0)
    style = Style(causal, norm, reflect=True, completes_at_start=False)
    return TransposedConvolution(shape, style, extra_rows).double().requires_grad_(False)


def batch(shape: Shape) -> torch.Tensor:
    rows = () if shape.frequency is None else (4,)
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 4, *rows, max(LENGTHS), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("causal", "norm"), [(True, "weight_norm"), (False, "time_group_norm")])
def test_an_item_of_a_batch_is_the_item_alone(name: str, causal: bool, norm: str) -> None:
    shape = SHAPES[name]
    layer, x = build(shape, causal, norm), batch(SHAPES[name])
    together, lengths = layer(x, torch.tensor(LENGTHS))
    assert lengths is not None
    for item, length in enumerate(LENGTHS):
        alone, _ = layer(x[item : item + 1, ..., :length], None)
        assert alone.shape[-1] == int(lengths[item]) == length * shape.time.stride
        kept = together[item : item + 1, ..., : alone.shape[-1]]
        torch.testing.assert_close(kept, alone, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", SHAPES)
def test_a_stream_is_the_whole(name: str) -> None:
    shape = SHAPES[name]
    layer, x = build(shape, True, "weight_norm"), batch(SHAPES[name])
    whole, _ = layer(x, None)
    state, pieces = layer.fresh_state(3, 4 if shape.frequency else 0), []
    for piece in x.split([1, 3, 5], dim=-1):
        y, state = layer.step(piece, state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-12)


def test_rows_are_multiplied_and_one_more_can_be_kept() -> None:
    shape = SHAPES["two axes"]
    plain, _ = build(shape, False, "none")(batch(shape), None)
    more, _ = build(shape, False, "none", extra_rows=1)(batch(shape), None)
    assert (plain.shape[-2], more.shape[-2]) == (16, 17)
    assert torch.equal(more[..., :16, :], plain)


@pytest.mark.parametrize(("stride", "lost"), [(4, 0), (5, 1)])
def test_odd_strides_may_lose_their_last_step(stride: int, lost: int) -> None:
    """As where both sides are cut by half of the stride, rounded up."""
    shape = Shape(2, 3, Window(2 * stride, stride))
    trimming = TransposedConvolution(shape, Style(False, "none", False, False, trims_odd_strides=True))
    whole = TransposedConvolution(shape, Style(False, "none", False, False))
    whole.load_state_dict(trimming.state_dict())
    x = torch.randn(2, 2, 6)
    trimmed, ends = trimming(x, torch.tensor([6, 4]))
    full, _ = whole(x, torch.tensor([6, 4]))
    assert torch.equal(trimmed, full[..., : 6 * stride - lost])
    assert ends.tolist() == [6 * stride - lost, 4 * stride - lost]
