"""SoundStream's on complex spectra: published size, the reference's outputs."""

import torch
from torch.nn import functional

from tests.training.discriminators.golden import assert_as_the_reference, parameters
from training.discriminators.complex_stft import ComplexConv, ModReLU
from training.discriminators.config import ComplexStftConfig


def test_the_published_size() -> None:
    assert parameters(ComplexStftConfig()) == [5_589_064]


def test_outputs_are_those_of_the_reference() -> None:
    assert_as_the_reference(range(14, 15))


def test_convolution_is_that_of_complex_numbers() -> None:
    conv = ComplexConv(2, 3, (3, 2), stride=(1, 2), padding=(1, 0))
    real, imaginary = torch.randn(2, 1, 2, 5, 6)
    found = conv(torch.complex(real, imaginary))
    with torch.no_grad():
        conv.bias.normal_()
    bias = torch.view_as_complex(conv.bias).view(1, 3, 1, 1)
    w_real, w_imaginary = conv.weight.unbind(-1)
    products = [
        [functional.conv2d(maps, weight, None, (1, 2), (1, 0)) for weight in (w_real, w_imaginary)]
        for maps in (real, imaginary)
    ]
    wanted = torch.complex(products[0][0] - products[1][1], products[0][1] + products[1][0])
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(conv(torch.complex(real, imaginary)), wanted + bias)


def test_the_rectifier_shifts_the_modulus_and_keeps_the_angle() -> None:
    rectifier = ModReLU()
    maps = torch.tensor([3 + 4j, -0.6 + 0.8j, 0.1j, 0], requires_grad=True)
    with torch.no_grad():
        rectifier.bias.fill_(-0.5)
    rectified = rectifier(maps)
    torch.testing.assert_close(rectified.detach(), torch.tensor([2.7 + 3.6j, -0.3 + 0.4j, 0, 0]))
    rectified.abs().sum().backward()
    assert maps.grad is not None
    assert torch.isfinite(torch.view_as_real(maps.grad)).all()
