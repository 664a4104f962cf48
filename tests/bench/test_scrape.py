"""Metrics are read as Prometheus would, and summed over the series that carry the labels."""

from tests.bench.scrape import Scrape

TEXT = """# TYPE codec_worker_busy_seconds counter
codec_worker_busy_seconds_total{op="encode",worker="a"} 1.5
codec_worker_busy_seconds_total{op="encode",worker="b"} 2
codec_worker_busy_seconds_total{op="decode",worker="a"} 4
# TYPE codec_stream_capacity gauge
codec_stream_capacity{op="encode",worker="a"} 30
codec_stream_capacity{op="encode",worker="b"} 20
codec_stream_capacity{op="decode",worker="a"} 30
"""


def test_totals_are_over_series_that_carry_the_labels() -> None:
    scrape = Scrape.parse(TEXT)
    assert scrape.total("codec_worker_busy_seconds_total") == 7.5
    assert scrape.total("codec_worker_busy_seconds_total", op="encode") == 3.5
    assert scrape.total("codec_worker_busy_seconds_total", op="other") is None


def test_capacity_is_that_of_all_workers() -> None:
    scrape = Scrape.parse(TEXT)
    assert (scrape.capacity("encode"), scrape.capacity("decode")) == (50, 30)
    assert scrape.capacity("duplex") == 18, "each takes a fiftieth and a thirtieth"
    assert Scrape.parse("").capacity("decode") is None
    assert Scrape.parse("").capacity("duplex") is None
