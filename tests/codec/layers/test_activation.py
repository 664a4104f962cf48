"""Snake against its formula, in one and two dimensions."""

import torch
from torch import nn

from codec.layers.activation import Snake, activation


def test_snake_adds_a_squared_sine_of_every_channel() -> None:
    snake = Snake(3).double()
    with torch.no_grad():
        snake.alpha.copy_(torch.tensor([0.5, 1.0, 2.0]))
    x = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for channel, alpha in enumerate((0.5, 1.0, 2.0)):
        one = x[:, channel]
        wanted = one + torch.sin(alpha * one) ** 2 / alpha
        torch.testing.assert_close(snake(x)[:, channel], wanted, rtol=0, atol=1e-8)
    rows = x.unsqueeze(2).expand(-1, -1, 4, -1)
    torch.testing.assert_close(snake(rows), snake(x).unsqueeze(2).expand(-1, -1, 4, -1))


def test_an_alpha_of_zero_stays_finite() -> None:
    snake = Snake(1)
    with torch.no_grad():
        snake.alpha.zero_()
    x = torch.linspace(-3, 3, 5).view(1, 1, -1)
    assert torch.equal(snake(x), x)


def test_alphas_learn() -> None:
    snake = Snake(2)
    assert torch.autograd.gradcheck(
        snake.double(), torch.randn(1, 2, 4, dtype=torch.float64).requires_grad_()
    )
    snake(torch.ones(1, 2, 4, dtype=torch.float64)).sum().backward()
    assert snake.alpha.grad is not None
    assert snake.alpha.grad.abs().min() > 0


def test_the_kind_is_that_of_the_config() -> None:
    snake = activation("snake", 5)
    assert isinstance(snake, Snake)
    assert snake.alpha.shape == (5,)
    elu = activation("elu", 5)
    assert isinstance(elu, nn.ELU)
    assert not elu.state_dict()
