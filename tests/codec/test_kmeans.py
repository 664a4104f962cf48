"""k-means: it finds clusters, ends where it should, and makes do with few rows."""

import torch
from torch import Tensor

from codec.kmeans import kmeans, nearest

SIZE, DIMENSION = 8, 3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def corners() -> Tensor:
    return torch.cartesian_prod(*[torch.tensor([0.0, 10.0])] * 3)


def clusters(each: int = 50) -> Tensor:
    """The 8 corners of a cube of side 10, with a little noise around each, shuffled."""
    points = corners().repeat(each, 1) + 0.1 * torch.randn(8 * each, 3, generator=generator())
    return points[torch.randperm(len(points), generator=generator(1))]


def test_separated_clusters_are_found() -> None:
    """Started with one row of each cluster, which is where its random picks are made to fall."""
    points = clusters()
    one_of_each = {tuple((point > 5).tolist()): point for point in points}
    ordered = torch.cat((torch.stack(list(one_of_each.values())), points))
    rows = torch.empty_like(ordered)
    rows[torch.randperm(len(rows), generator=generator(5))] = ordered
    centroids, counts = kmeans(rows, SIZE, 5, generator(5))
    found = torch.cdist(corners(), centroids).min(1)
    assert float(found.values.max()) < 0.1
    assert sorted(found.indices.tolist()) == list(range(SIZE))
    assert counts.tolist() == [51] * SIZE


def test_every_centroid_ends_as_the_mean_of_its_rows() -> None:
    points = torch.randn(500, DIMENSION, generator=generator())
    centroids, counts = kmeans(points, SIZE, 100, generator(3))
    chosen = torch.cdist(points, centroids).argmin(1)
    for entry in range(SIZE):
        torch.testing.assert_close(points[chosen == entry].mean(0), centroids[entry], rtol=1e-4, atol=1e-4)
    assert torch.equal(torch.bincount(chosen, minlength=SIZE).float(), counts)


def test_fewer_rows_than_clusters_are_repeated() -> None:
    rows = torch.tensor([[0.0, 0, 0], [5, 5, 5]])
    centroids, counts = kmeans(rows, SIZE, 3, generator())
    assert {tuple(c.tolist()) for c in centroids} <= {(0, 0, 0), (5, 5, 5)}
    assert int(counts.sum()) == 2


def test_the_nearest_centroid_is_that_of_the_distances() -> None:
    points = torch.randn(200, DIMENSION, generator=generator())
    centroids = torch.randn(SIZE, DIMENSION, generator=generator(1))
    assert torch.equal(nearest(points, centroids), torch.cdist(points, centroids).argmin(1))
    assert nearest(points[:5], centroids[:1].expand(SIZE, -1)).tolist() == [0] * 5
