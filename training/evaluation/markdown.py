"""The report as Markdown."""

from collections.abc import Iterator, Sequence

from training.evaluation.interval import Mean
from training.evaluation.report import CoderSummary, Report
from training.markdown_table import markdown_table

_COLUMNS_PER_TABLE = 4
_COSTS = (
    ("payload_bps", "payload, kbit/s", 1e-3, 2),
    ("file_bps", "file, kbit/s", 1e-3, 2),
    ("encode_rtf", "encode, real-time factor", 1.0, 4),
    ("decode_rtf", "decode, real-time factor", 1.0, 4),
    ("lag_samples", "moved by, samples", 1.0, 0),
)
"""Name, title, factor to the title's unit, and digits."""

_NOTES = """\
Every value is the mean over the recordings that have one, with its 95 % percentile bootstrap interval (over \
recordings, seeded); where some have none, the number of those that do follows.

- **payload**: measured from what was written: payloads of the blocks of the `.cdc` file, packets of the Ogg \
file but its two header packets, all bytes of Codec 2. **file**: everything, headers included.
- **real-time factor**: processing time over duration, one thread, with reading and writing files and, for \
Opus and Codec 2, starting their programs; other work on the machine makes it larger.
- **moved by**: samples at {rate} Hz by which audio came late and was moved before it was judged. Ours is in \
place; Opus (`opusenc --speech`, variable rate, 20 ms packets; `opusdec` removes the pre-skip) is moved by \
correlation within 2 ms, Codec 2 (at 8 kHz, resampled both ways) by that of envelopes within 0 to 50 ms.
"""


def to_markdown(report: Report) -> str:
    """The whole report as one document."""
    return "\n".join([*_head(report), *_tables(report), *_codebooks(report), *_definitions(report)]) + "\n"


def _head(report: Report) -> Iterator[str]:
    about = report.circumstances
    yield f"# {about.model} {about.version}"
    yield ""
    if about.beside:
        yield f"Beside it: {', '.join(about.beside)}."
        yield ""
    selected = f", {about.selection}" if about.selection else ""
    yield f"{report.n_clips} recordings, {report.seconds:.0f} s, of {about.data}{selected}. {about.finished};"
    yield f"{about.workers} process{'es' if about.workers > 1 else ''} of one thread;"
    yield "; ".join(f"{name} {version}" for name, version in about.versions.items()) + "."
    yield ""
    if about.peak_memory_bytes is not None:
        mebibytes = about.peak_memory_bytes / 2**20
        yield f"Peak memory of a process that codes the longest recording: {mebibytes:.0f} MiB, with "
        yield "Python and its libraries."
        yield ""
    yield f"**{len(report.failures)} failures**" + (", listed at the end." if report.failures else ".")
    for reason in report.absent:
        yield f"**Left out**: {reason}."
    yield ""
    yield "![Quality over bitrate](rate_quality.png)"
    yield ""


def _tables(report: Report) -> Iterator[str]:
    better = {"higher": "↑", "lower": "↓"}
    titles = {metric.name: f"{metric.title} {better[metric.better]}" for metric in report.plan.metrics}
    names = list(titles)
    yield "## Quality"
    yield ""
    for start in range(0, len(names), _COLUMNS_PER_TABLE):
        chunk = names[start : start + _COLUMNS_PER_TABLE]
        rows = [
            [
                summary.label,
                _rate(summary),
                *(_cell(summary.means.get(name), report.n_clips) for name in chunk),
            ]
            for summary in report.summaries
        ]
        yield from _section_table(["codec", "kbit/s", *(titles[name] for name in chunk)], rows)
    yield "## Bitrate and speed"
    yield ""
    rows = [
        [
            summary.label,
            *(_cell(summary.means.get(name), report.n_clips, factor, n) for name, _, factor, n in _COSTS),
        ]
        for summary in report.summaries
    ]
    yield from _section_table(["codec", *(title for _, title, *_ in _COSTS)], rows)
    yield _NOTES.format(rate=report.plan.sample_rate)


def _codebooks(report: Report) -> Iterator[str]:
    if not report.codebooks:
        return
    size, frames = report.codebooks[0].codebook_size, report.codebooks[0].n_frames
    yield "## Use of the codebooks"
    yield ""
    yield f"{frames} frames. The entropy is that of single codes, and too small for few frames; "
    yield "perplexity is 2 to its power."
    yield ""
    rows = [
        [use.codebook, f"{use.entries_used} of {size}", f"{use.perplexity:.0f}", f"{use.entropy_bits:.2f}"]
        for use in report.codebooks
    ]
    yield from _section_table(["codebook", "entries used", "perplexity", "entropy, bit per code"], rows)


def _definitions(report: Report) -> Iterator[str]:
    yield "## Metrics"
    yield ""
    for metric in report.plan.metrics:
        yield f"- **{metric.title}** (`{metric.name}`, {metric.better} is better): {metric.about}."
    yield ""
    yield "## Failures"
    yield ""
    if not report.failures:
        yield "None."
        return
    yield from _section_table(
        ["file", "codec", "step", "reason"],
        [[failure.clip, failure.coder, failure.step, failure.reason] for failure in report.failures],
    )


def _rate(summary: CoderSummary) -> str:
    mean = summary.means.get("payload_bps")
    return "-" if mean is None else f"{mean.mean / 1000:.2f}"


def _cell(mean: Mean | None, n_clips: int, factor: float = 1.0, digits: int = 3) -> str:
    if mean is None:
        return "-"
    text = f"{mean.mean * factor:.{digits}f}"
    if mean.low is not None and mean.high is not None:
        text += f" ({mean.low * factor:.{digits}f} to {mean.high * factor:.{digits}f})"
    return text if mean.n == n_clips else f"{text}, n = {mean.n}"


def _section_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield from markdown_table(columns, rows)
    yield ""
