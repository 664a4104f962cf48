"""Which model a caller means."""

import pytest

from service.frontend.selector import ModelSelector
from service.status import Condition, ServiceError


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("", ModelSelector()),
        ("m", ModelSelector("m")),
        ("m@12-0123456789ab", ModelSelector("m", version="12-0123456789ab")),
        ("m@canary", ModelSelector("m", channel="canary")),
        ("m@12", ModelSelector("m", channel="12")),
    ],
)
def test_a_selector_tells_versions_from_channels(text: str, selector: ModelSelector) -> None:
    assert ModelSelector.parse(text) == selector


@pytest.mark.parametrize("text", ["m@", "@stable", "@"])
def test_half_a_selector_is_refused(text: str) -> None:
    with pytest.raises(ServiceError, match="name@version") as caught:
        ModelSelector.parse(text)
    assert caught.value.condition is Condition.INVALID_ARGUMENT
