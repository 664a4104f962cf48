"""The config of the SEANet network: encoder and mirrored decoder (paper, section 3)."""

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from codec.config import Reach, Size

_WIDEST = 2**18

Ratios = Annotated[tuple[Reach, ...], Field(strict=False, max_length=8)]


class SeanetConfig(BaseModel):
    """Encoder and mirrored decoder: residual units and strided convolutions, then a sequence model.

    `time_ratios`: strides in the order of the decoder; `frequency_ratios`: as many, for a 2-D network, else
    none; widths start at `filters` and double with every stage; `dilation_base`: unit j of a stage dilates
    its time axis by base^j; `lstm_layers`: 0 for none. `*_group_ratio` r: convolutions of block width w in
    w / 2 / r groups, 0 for one group; `decoder_filters` and `encoder_last_kernel` where the sides differ;
    `whole_frames`: silence completes an item to whole frames, not padding in every layer.

    Compatibility with the reference: `padding` of "reflect" (an item shorter than the padding gets zeros
    first); `completes_windows_at_start` pads what the last window lacks at the start of the time axis;
    `trims_odd_strides`: each decoder stage of an odd stride loses its last step (those of the waveform are
    then decoded as zeros).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    filters: Size = 32
    decoder_filters: Size | None = None
    time_ratios: Ratios = (8, 5, 4, 2)
    frequency_ratios: Ratios = ()
    residual_units: Annotated[int, Field(ge=1, le=8)] = 1
    kernel: Reach = 7
    last_kernel: Reach = 7
    encoder_last_kernel: Reach | None = None
    residual_kernel: Reach = 3
    dilation_base: Reach = 2
    compress: Reach = 2
    activation: Literal["elu", "snake"] = "elu"
    shortcut: Literal["convolution", "identity"] = "convolution"
    output: Literal["linear", "tanh"] = "linear"
    lstm_layers: Annotated[int, Field(ge=0, le=8)] = 2
    causal: bool = False
    norm: Literal["none", "weight_norm", "time_group_norm"] = "time_group_norm"
    padding: Literal["zero", "reflect"] = "zero"
    whole_frames: bool = False
    completes_windows_at_start: bool = False
    trims_odd_strides: bool = False
    encoder_group_ratio: Annotated[int, Field(ge=0)] = 0
    decoder_group_ratio: Annotated[int, Field(ge=0)] = 0
    upsampling_group_ratio: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.frequency_ratios and len(self.frequency_ratios) != len(self.time_ratios):
            raise ValueError("frequency_ratios needs as many entries as time_ratios")
        if not self.time_ratios:
            raise ValueError("time_ratios needs an entry for every stage")
        if self.causal and self.norm == "time_group_norm":
            raise ValueError("time_group_norm looks at the whole signal; a causal network cannot have it")
        if self.causal and self.trims_odd_strides:
            raise ValueError("trims_odd_strides is a quirk of centred networks; a causal one cannot have it")
        if min(self.filters, self.decoder_width) < self.compress:
            raise ValueError("filters must be at least compress, or a residual unit has no inner channel")
        if max(self.top_width, self.decoder_top_width) > _WIDEST:
            raise ValueError(f"filters double with every stage, to more than {_WIDEST}; take fewer of either")
        if self.dilation_base ** (self.residual_units - 1) > _WIDEST:
            raise ValueError("dilation_base is too large for so many residual_units")
        return self

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        for stage in range(len(self.time_ratios)):
            narrow, up = self.filters << stage, self.decoder_width << stage
            for width, inner, ratio in (
                (narrow, narrow // self.compress, self.encoder_group_ratio),
                (narrow, narrow, self.encoder_group_ratio),
                (up, up // self.compress, self.decoder_group_ratio),
                (up, up, self.decoder_group_ratio),
                (up, 2 * up, self.upsampling_group_ratio),
            ):
                groups = groups_of(inner, ratio)
                if groups < 1:
                    raise ValueError(f"a group ratio of {ratio} leaves no group at {width} filters")
                if width % groups or inner % groups:
                    raise ValueError(
                        f"a group ratio of {ratio} makes {groups} groups, which do not divide {width} filters"
                    )
        return self

    @property
    def stride(self) -> int:
        """Input steps per latent frame."""
        return math.prod(self.time_ratios)

    @property
    def top_width(self) -> int:
        """Channels between the encoder's last stage and the latent."""
        return self.filters << len(self.time_ratios)

    @property
    def decoder_width(self) -> int:
        """Channels of the decoder next to the audio."""
        return self.decoder_filters or self.filters

    @property
    def decoder_top_width(self) -> int:
        """Channels between the latent and the decoder's first stage."""
        return self.decoder_width << len(self.time_ratios)

    @property
    def latent_kernel(self) -> int:
        """Kernel of the encoder's last convolution, which makes the latent."""
        return self.encoder_last_kernel or self.last_kernel

    @property
    def two_dimensional(self) -> bool:
        """Whether the stages convolve over frequency too."""
        return bool(self.frequency_ratios)


def groups_of(width: int, ratio: int) -> int:
    """Groups of a convolution of block width `width` (the narrower side in a residual unit)."""
    return width // 2 // ratio if ratio else 1
