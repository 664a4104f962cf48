"""The base of every section of a recipe."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class StrictConfig(BaseModel):
    """Frozen; an unknown key, infinity or NaN is an error. YAML's lists may stand for tuples."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
