"""Semantic augmentation (paper, section 3.2): a stream of labels that the decoder hears beside the codes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.errors import InvalidRequestError
from codec.layers.padded_convolution import PaddedConvolution, Shape, Window
from codec.layers.ragged import ends_of
from codec.seanet_config import SeanetCodecConfig, SemanticConfig
from codec.seanet_stages import style_of


class SemanticBranch(nn.Module):
    """Labels to vectors at frame rate, and their meeting with the acoustic vectors.

    `concat` mixes both by a convolution, `addition` adds them; `residual` adds them too, and the codes then
    describe the acoustic vectors minus the semantic ones.
    """

    def __init__(self, codec: SeanetCodecConfig, config: SemanticConfig) -> None:
        super().__init__()
        self.codec, self.config = codec, config
        style, dimension = style_of(codec.network), codec.quantizer.dimension
        per_frame = codec.hop_samples // config.hop_samples
        self.embedding = nn.Embedding(config.labels, dimension)
        self.smooth = PaddedConvolution(Shape(dimension, dimension, Window(7)), style)
        reduce = Shape(dimension, dimension, Window(2 * per_frame, per_frame))
        self.reduce = PaddedConvolution(reduce, style, normed=False)
        self.mix = None
        if config.combine == "concat":
            self.mix = PaddedConvolution(Shape(2 * dimension, dimension, Window(3)), style, normed=False)

    def check(self, labels: Tensor | None, n_samples: tuple[int, ...]) -> Tensor:
        """The labels. Raises `InvalidRequestError` if there are too few, or one is out of range."""
        need = max(self.codec.labels_for(n) for n in n_samples)
        if labels is None or labels.dim() != 2 or labels.shape[0] != len(n_samples) or labels.shape[1] < need:
            raise InvalidRequestError(
                f"the model needs int64 labels [{len(n_samples)}, {need}] beside the audio"
            )
        if labels.dtype != torch.int64 or int(labels.min()) < 0 or int(labels.max()) >= self.config.labels:
            raise InvalidRequestError(f"labels must be int64 from 0 to {self.config.labels - 1}")
        return labels[:, :need]

    def forward(self, labels: Tensor, n_samples: tuple[int, ...], n_frames: tuple[int, ...]) -> Tensor:
        """Vectors `[batch, frame, dimension]` of labels int64 `[batch, label]`."""
        counts = tuple(self.codec.labels_for(n) for n in n_samples)
        ends = ends_of(counts, labels.shape[1], labels.device)
        x, ends = self.smooth(self.embedding(labels).transpose(1, 2), ends)
        x, _ = self.reduce(functional.elu(x), ends)
        whole = n_frames
        if self.config.cuts_to_whole_hops:
            whole = tuple(n // self.codec.hop_samples for n in n_samples)
        last = torch.tensor([max(1, n) - 1 for n in whole], device=x.device)
        index = torch.minimum(torch.arange(max(n_frames), device=x.device), last[:, None])
        vectors: Tensor = x.transpose(1, 2)
        return vectors.gather(1, index.unsqueeze(-1).expand(-1, -1, vectors.shape[-1]))

    def combine(self, acoustic: Tensor, semantic: Tensor, ends: Tensor | None) -> Tensor:
        """What the decoder hears, `[batch, frame, dimension]` like both arguments."""
        if self.mix is None:
            return acoustic + semantic
        both = torch.cat((semantic, acoustic), dim=-1).transpose(1, 2)
        mixed: Tensor = self.mix(both, ends)[0]
        return mixed.transpose(1, 2)
