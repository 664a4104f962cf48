"""Convolutions: lengths, padding, norm and streams."""

import pytest
import torch
from torch.nn.utils import parametrize

from codec.layers.padded_convolution import PaddedConvolution, Shape, Style, Window

LENGTHS = [23, 1, 8, 17]
SHAPES = {
    "time": Shape(2, 4, Window(7)),
    "dilated": Shape(2, 4, Window(3, dilation=4)),
    "strided": Shape(2, 4, Window(10, 5)),
    "two axes": Shape(2, 4, Window(7), Window(7)),
    "two axes, strided": Shape(2, 4, Window(4, 2), Window(8, 4)),
    "grouped": Shape(2, 4, Window(2, 1), Window(8, 4), groups=2),
}


def batch(shape: Shape) -> torch.Tensor:
    rows = () if shape.frequency is None else (16,)
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, shape.inputs, *rows, max(LENGTHS), generator=generator, dtype=torch.float64)


def build(shape: Shape, style: Style) -> PaddedConvolution:
    torch.manual_seed(0)
    return PaddedConvolution(shape, style).double().requires_grad_(False)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("reflect", [False, True], ids=["zeros", "reflection"])
@pytest.mark.parametrize(("causal", "norm"), [(True, "weight_norm"), (False, "time_group_norm")])
def test_an_item_of_a_batch_is_the_item_alone(name: str, reflect: bool, causal: bool, norm: str) -> None:
    shape = SHAPES[name]
    layer = build(shape, Style(causal, norm, reflect, completes_at_start=not causal))
    x = batch(shape)
    together, lengths = layer(x, torch.tensor(LENGTHS))
    assert lengths is not None
    for item, length in enumerate(LENGTHS):
        alone, _ = layer(x[item : item + 1, ..., :length], None)
        assert alone.shape[-1] == int(lengths[item]) == -(-length // shape.time.stride)
        kept = together[item : item + 1, ..., : alone.shape[-1]]
        torch.testing.assert_close(kept, alone, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", SHAPES)
def test_a_stream_is_the_whole(name: str) -> None:
    shape = SHAPES[name]
    layer = build(shape, Style(True, "weight_norm", reflect=False, completes_at_start=False))
    x = batch(shape)[..., :20]
    whole, _ = layer(x, None)
    state, pieces = layer.fresh_state(4, 16 if shape.frequency else 0), []
    for piece in x.split([10, 10], dim=-1):
        y, state = layer.step(piece, state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-12)


def test_padding_is_where_the_reference_has_it() -> None:
    """Kernel 4, stride 2: three steps of padding minus one; the larger half first unless causal."""
    plain = {"norm": "none", "reflect": False, "completes_at_start": False}
    shape = Shape(1, 1, Window(4, 1))
    assert build(shape, Style(True, **plain)).padding.start == 3  # type: ignore[arg-type]
    other = build(shape, Style(False, **plain)).padding  # type: ignore[arg-type]
    assert (other.start, other.end) == (2, 1)


def test_norms_are_those_asked_for() -> None:
    def layer(norm: str, normed: bool = True) -> PaddedConvolution:
        return PaddedConvolution(Shape(2, 2, Window(3)), Style(False, norm, False, False), normed)

    assert parametrize.is_parametrized(layer("weight_norm").convolution)
    assert layer("time_group_norm").norm is not None
    assert layer("none").norm is None
    assert not parametrize.is_parametrized(layer("weight_norm", False).convolution)
    assert layer("time_group_norm", False).norm is None
