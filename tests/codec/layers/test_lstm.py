"""The sequence model as a stream is the sequence model as a whole."""

import torch

from codec.layers.lstm import SkipLstm


def test_any_split_gives_the_whole() -> None:
    torch.manual_seed(0)
    lstm = SkipLstm(6, 2).double().requires_grad_(False)
    x = torch.randn(3, 6, 11, dtype=torch.float64)
    whole = lstm(x)
    state, pieces = lstm.fresh_state(3), []
    for piece in x.split([1, 4, 2, 4], dim=-1):
        y, state = lstm.step(piece, state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole, rtol=0, atol=1e-12)
    assert state.hidden.shape == (3, 2, 6)


def test_the_input_is_added() -> None:
    lstm = SkipLstm(4, 1).requires_grad_(False)
    for parameter in lstm.parameters():
        parameter.zero_()
    x = torch.randn(2, 4, 5)
    assert torch.equal(lstm(x), x)
