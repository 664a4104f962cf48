"""k-means clustering, for the first entries of codebooks and for the units of HuBERT."""

import torch
from torch import Tensor


def kmeans(
    vectors: Tensor, clusters: int, iterations: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Centroids `[cluster, dimension]` and counts of `vectors` `[row, dimension]` by Lloyd's algorithm.

    Starts at random rows (with repetition if there are too few); a cluster that nobody chose keeps its
    centroid.
    """
    rows = len(vectors)
    if rows >= clusters:
        picks = torch.randperm(rows, generator=generator)[:clusters]
    else:
        picks = torch.randint(rows, (clusters,), generator=generator)
    centroids = vectors[picks].clone()
    counts = vectors.new_zeros(clusters)
    for _ in range(iterations):
        chosen = nearest(vectors, centroids)
        counts = torch.bincount(chosen, minlength=clusters).to(vectors.dtype)
        sums = torch.zeros_like(centroids).index_add_(0, chosen, vectors)
        centroids = torch.where(counts.unsqueeze(1) > 0, sums / counts.clamp_min(1).unsqueeze(1), centroids)
    return centroids, counts


def nearest(vectors: Tensor, centroids: Tensor, handicaps: Tensor | None = None) -> Tensor:
    """The centroid nearest to each of `vectors` `[row, dimension]`: int64 `[row]`, the first one of a tie.

    One product: the nearest centroid maximises `x . c - |c|^2 / 2`, so no `[row, centroid, dimension]` tensor
    of differences is ever made. `handicaps`: of these centroids, if they are known.
    """
    if handicaps is None:
        handicaps = handicaps_of(centroids)
    return torch.addmm(handicaps, vectors, centroids.t()).argmax(-1)


def handicaps_of(centroids: Tensor) -> Tensor:
    """What each of `[centroid, dimension]` adds to its product with a vector: `-|c|^2 / 2`."""
    return centroids.square().sum(-1) * -0.5
