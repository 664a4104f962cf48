"""Which terms a codec is trained on, and how much each counts."""

from pydantic import model_validator

from training.strict_config import NotNegative, StrictConfig


class LossConfig(StrictConfig):
    """Weight of each term; 0 leaves it out. The defaults are the paper's, as its toolkit computes them.

    Reconstruction: `time`, `power_mel` and `log_power` are the paper's (its spectrum loss of weight 1 is half
    of either; `power_mel` 1 and `log_power` 0 is the loss of its Encodec); `mel`, `spectrum`, `envelopes` and
    `level` are ours. Then `commitment`, `codebook` (for quantizers whose entries are parameters), and from
    the discriminators `adversarial` and `features`.

    `relative_features`: feature distances are divided by the size of the real features, as in Encodec;
    `balancer`: the terms' gradients are scaled so that weights are shares, see `training.balancer`.
    """

    time: NotNegative = 1.0
    power_mel: NotNegative = 0.5
    log_power: NotNegative = 0.5
    mel: NotNegative = 0.0
    spectrum: NotNegative = 0.0
    envelopes: NotNegative = 0.0
    level: NotNegative = 0.0
    commitment: NotNegative = 1.0
    codebook: NotNegative = 1.0
    adversarial: NotNegative = 1 / 9
    features: NotNegative = 100 / 9
    relative_features: bool = False
    balancer: bool = False

    @model_validator(mode="after")
    def _listens(self) -> "LossConfig":
        if not self.weights.keys() - {"commitment", "codebook", "adversarial", "features"}:
            raise ValueError("no reconstruction term has a weight; give time, power_mel or mel one")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """The weights by the name of their term, without the terms left out."""
        fields = self.model_dump(exclude={"relative_features", "balancer"})
        return {name: weight for name, weight in fields.items() if weight}
