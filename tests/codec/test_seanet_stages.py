"""Stages: widths, strides, dilations and groups are those of the paper."""

import pytest
import torch

from codec.seanet_network_config import SeanetConfig
from codec.seanet_stages import DownStage, ResidualUnit, UpStage, stage_plans, style_of

PAIRED = SeanetConfig(time_ratios=(1, 1, 2, 1), frequency_ratios=(4, 4, 4, 4), filters=8)


def test_the_encoder_takes_the_ratios_from_the_end() -> None:
    plans = stage_plans(SeanetConfig(), 32)
    assert [plan.time_ratio for plan in plans] == [2, 4, 5, 8]
    assert [plan.width for plan in plans] == [32, 64, 128, 256]
    assert [(plan.frequency_ratio, plan.time_ratio) for plan in stage_plans(PAIRED, 8)] == [
        (4, 1),
        (4, 2),
        (4, 1),
        (4, 1),
    ]


def test_stages_change_width_and_rate() -> None:
    plan = stage_plans(PAIRED, 8)[1]
    down, _ = DownStage(PAIRED, plan)(torch.randn(2, 16, 64, 10), None)
    assert down.shape == (2, 32, 16, 5)
    up, _ = UpStage(PAIRED, plan, extra_rows=1)(down, None)
    assert up.shape == (2, 16, 64, 10)
    last, _ = UpStage(PAIRED, stage_plans(PAIRED, 8)[0], extra_rows=1)(torch.randn(2, 16, 64, 10), None)
    assert last.shape == (2, 8, 257, 10)


@pytest.mark.parametrize("ratio", [0, 1, 2])
def test_groups_of_a_unit_follow_its_narrow_side(ratio: int) -> None:
    unit = ResidualUnit(PAIRED, 32, dilation=2, group_ratio=ratio)
    groups = (8 // ratio, 16 // ratio) if ratio else (1, 1)
    assert unit.shortcut is not None
    assert (unit.inner.shape.groups, unit.shortcut.shape.groups) == groups
    assert unit.outer.shape.groups == unit.inner.shape.groups


def test_a_unit_may_add_its_input_as_it_is() -> None:
    config = SeanetConfig(shortcut="identity", activation="snake", compress=1, norm="none")
    unit = ResidualUnit(config, 8, dilation=3, group_ratio=0)
    assert unit.shortcut is None
    for parameter in unit.outer.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(2, 8, 30)
    assert torch.equal(unit(x, None), x)
    assert sum(p.numel() for p in unit.parameters()) == 2 * 8 + (8 * 8 * 3 + 8) + (8 * 8 + 8)


def test_units_dilate_time_alone() -> None:
    unit = ResidualUnit(PAIRED, 32, dilation=4, group_ratio=0)
    assert unit.inner.shape.along("dilation") == (1, 4)


def test_style_carries_the_quirks() -> None:
    style = style_of(SeanetConfig(padding="reflect", completes_windows_at_start=True))
    assert (style.reflect, style.completes_at_start, style.causal) == (True, True, False)
    assert not style.trims_odd_strides
    assert style_of(SeanetConfig(trims_odd_strides=True)).trims_odd_strides
