"""Requests are strict: what an operator mistypes is not half done."""

import pytest
from pydantic import ValidationError

from service.admin.schema import CanaryRequest, PromoteRequest


def test_weights_are_shares() -> None:
    assert CanaryRequest(weight=0.05).channel == "canary"
    for weight in (-0.1, 1.01, float("nan")):
        with pytest.raises(ValidationError):
            CanaryRequest(weight=weight)


def test_unknown_fields_and_bad_versions_are_refused() -> None:
    assert PromoteRequest.model_validate({"version": "3-0123456789ab"}).channel == ""
    for fields in ({"version": "latest"}, {"version": "3-0123456789ab", "chanel": "stable"}, {}):
        with pytest.raises(ValidationError):
            PromoteRequest.model_validate(fields)
