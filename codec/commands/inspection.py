"""`codecd info` and `codecd thin`: neither runs a model."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from codec.atomic import replacing
from codec.commands.options import SubParsers, add_command, add_overwrite, refuse_existing
from codec.container import CdcReader, describe, thin_cdc
from codec.errors import InvalidRequestError

_INFO_EXAMPLES = """examples:
  codecd info speech.cdc
  codecd info speech.cdc --json --codes
"""
_THIN_EXAMPLES = """example:
  codecd thin speech.cdc small.cdc --n-q 2
"""


def register_info(commands: SubParsers) -> None:
    """Add `codecd info`."""
    parser = _parser(commands, "info", "what is in a .cdc file, damaged ones too", _INFO_EXAMPLES)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print JSON; its `damage` says what is lost")
    parser.add_argument(
        "--codes", action="store_true", help="with --json: the codes too, [codebook][frame] in each block"
    )
    parser.set_defaults(run=_info)


def register_thin(commands: SubParsers) -> None:
    """Add `codecd thin`."""
    summary = "keep the first codebooks only: a lower bitrate without re-encoding"
    parser = _parser(commands, "thin", summary, _THIN_EXAMPLES)
    parser.add_argument("input", type=Path, metavar="IN")
    parser.add_argument("output", type=Path, metavar="OUT")
    parser.add_argument("--n-q", type=int, required=True, metavar="N", help="codebooks to keep")
    add_overwrite(parser)
    parser.set_defaults(run=_thin)


def _parser(commands: SubParsers, name: str, summary: str, examples: str) -> ArgumentParser:
    return add_command(commands, name, summary, examples, summary)


def _info(arguments: Namespace) -> int:
    if arguments.codes and not arguments.json:
        raise InvalidRequestError("--codes prints JSON; add --json")
    facts = describe(arguments.file)
    if arguments.json:
        if arguments.codes:
            with CdcReader(arguments.file, tolerant=True) as reader:
                # A file that is being written may have grown since: the facts say how far to look.
                for block, codes in zip(facts["blocks"], reader, strict=False):
                    block["codes"] = codes.codes.tolist()
        print(json.dumps(facts, indent=None if arguments.codes else 2))
        return 0
    for line in _summary(facts):
        print(line)
    return 0 if facts["damage"]["intact"] else 1


def _summary(facts: dict[str, Any]) -> list[str]:
    length = "unknown length"
    if facts["n_samples"] is not None:
        length = f"{facts['duration_s']:.2f} s, {facts['n_samples']} samples"
    measured = facts["measured"]
    rate = "" if measured["bitrate_bps"] is None else f", {measured['bitrate_bps']:.0f} bit/s on disk"
    lines = [
        f"model        {facts['model']} {facts['version']}",
        f"token space  {facts['token_space']}",
        f"audio        {length} at {facts['sample_rate']} Hz",
        f"codes        {facts['codebooks']} codebooks of {facts['codebook_size']}, "
        f"{facts['n_frames']} frames",
        *_side_lines(facts),
        f"bitrate      {facts['bitrate_bps']:.0f} bit/s nominal{rate}",
        f"file         {measured['file_bytes']} bytes in {len(facts['blocks'])} blocks",
    ]
    damage = facts["damage"]
    state = "intact" if damage["intact"] else "; ".join(_complaints(damage)) or "unfinished"
    return [*lines, f"state        {state}"]


def _side_lines(facts: dict[str, Any]) -> list[str]:
    """What stands beside the codes, a line for each thing that there is."""
    lines = []
    rate, measured = facts["sample_rate"], facts["measured"]
    if (cut := facts["segmentation"]) is not None:
        lines.append(
            f"segments     {len(facts['segments'])} of {cut['length_samples'] / rate:g} s, "
            f"one every {cut['stride_samples'] / rate:g} s"
        )
    if scales := [segment["scale"] for segment in facts["segments"] if segment["scale"] is not None]:
        lines.append(f"scale        {min(scales):.3g} to {max(scales):.3g}")
    if (labels := facts["labels"]) is not None:
        lines.append(
            f"labels       {measured['label_bits'] // labels['bits_per_label']} of {labels['labels']} kinds, "
            f"{labels['bitrate_bps']:.0f} bit/s"
        )
    if any(block["coding"] == "entropy" for block in facts["blocks"]):
        lines.append(
            f"coding       entropy-coded with tables {facts['entropy_tables']}, "
            f"{measured['saved_bits'] / measured['code_bits']:.1%} saved"
        )
    return lines


def _complaints(damage: dict[str, Any]) -> list[str]:
    lost = [
        f"{what} {start} to {stop - 1} lost"
        for what, ranges in (("frames", damage["lost_frames"]), ("segments", damage["lost_segments"]))
        for start, stop in ranges
        if stop is not None
    ]
    return [*damage["problems"], *lost]


def _thin(arguments: Namespace) -> int:
    refuse_existing(arguments.output, arguments.force)
    with replacing(arguments.output) as draft, draft.open("wb") as sink:
        thin_cdc(arguments.input, sink, arguments.n_q)
    return 0
