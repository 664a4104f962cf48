"""`codecd models`: what a repository holds, and what a model or preset amounts to; none of it runs."""

import json
from argparse import Namespace
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec.commands.options import DEFAULT_N_Q, SubParsers, add_command, add_repository, repository_of
from codec.errors import InvalidRequestError
from codec.repository import Repository, VersionPath

if TYPE_CHECKING:
    from codec.figures import Figures
    from codec.model_config import ModelConfig

_EXAMPLES = """examples:
  codecd models                            models, versions and channels of the repository
  codecd models stream_16k@stable          rates, size, work and latency of a published model
  codecd models encodec_16k_ds640 --json   of a preset, or of a config by its path
  codecd models --presets                  a line for every preset
"""
_HEADINGS = (
    "preset",
    "parameters",
    "G MAC/s encode",
    "decode",
    "latency",
    "streams",
    "receptive field",
    "frames/s",
)


def register_models(commands: SubParsers) -> None:
    """Add `codecd models`."""
    summary = "models of a repository; rates, size, work and latency of models and presets"
    parser = add_command(commands, "models", summary, _EXAMPLES, summary)
    parser.add_argument(
        "name",
        nargs="?",
        metavar="MODEL|PRESET|CONFIG",
        help="a model of the repository (name, name@channel, name@version), else a preset or a config file",
    )
    parser.add_argument("--presets", action="store_true", help="a line for every preset")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_repository(parser)
    parser.set_defaults(run=_models)


def _models(arguments: Namespace) -> int:
    if arguments.presets and arguments.name:
        raise InvalidRequestError("--presets prints all of them; leave the name out")
    if arguments.presets:
        return _presets(arguments.json)
    if arguments.name:
        return _one(arguments.name, repository_of(arguments), arguments.json)
    return _listing(Repository(repository_of(arguments)), arguments.json)


def _listing(repository: Repository, as_json: bool) -> int:
    listing = [repository.summary(name) for name in repository.models()]
    if as_json:
        print(json.dumps(listing, indent=2))
        return 0
    for model in listing:
        channels = ", ".join(f"{name} -> {version}" for name, version in model["channels"].items())
        print(f"{model['name']}: {channels or 'no channel'}")
        for version in model["versions"]:
            print(f"  {version}")
    return 0


def _presets(as_json: bool) -> int:
    # Imported here, as in the other commands: the listing of a repository needs no torch.
    from codec.config import presets
    from codec.figures import figures_of
    from codec.model_config import load_model_config

    configs = {name: load_model_config(name) for name in sorted(presets())}
    if as_json:
        print(json.dumps([_facts(name, config) for name, config in configs.items()], indent=2))
        return 0
    rows = [_HEADINGS, *(_row(name, config, figures_of(config)) for name, config in configs.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join((first, *(cell.strip().rjust(len(cell)) for cell in rest))))
    print(f"Multiply-accumulates for a second of audio, with {DEFAULT_N_Q} codebooks.")
    return 0


def _row(name: str, config: "ModelConfig", figures: "Figures") -> tuple[str, ...]:
    n_q = min(DEFAULT_N_Q, config.quantizer.codebooks)
    work = figures.work
    return (
        name,
        f"{figures.parameters.total:,}",
        f"{float(work.encoding(n_q)) / 1e9:.3f}",
        f"{float(work.decoding(n_q)) / 1e9:.3f}",
        _latency(figures),
        "yes" if figures.streamable else "no",
        _reach(figures, config.sample_rate),
        f"{float(figures.frame_rate):g}",
    )


def _one(name: str, root: Path, as_json: bool) -> int:
    from codec.figures import figures_of
    from codec.model_config import CONFIG_FILE, load_model_config, read_model_config

    version = _published(name, root)
    config = load_model_config(name) if version is None else read_model_config(version.path / CONFIG_FILE)
    title = name if version is None else f"{version.model}@{version.version}"
    if as_json:
        print(json.dumps(_facts(title, config), indent=2))
        return 0
    for line in _description(title, config, figures_of(config)):
        print(line)
    return 0


def _published(name: str, root: Path) -> VersionPath | None:
    """The version that a name means, or None if it is to be a preset or a file."""
    repository = Repository(root)
    if "@" in name or (root.is_dir() and name in repository.models()):
        return repository.resolve(name)
    return None


def _description(title: str, config: "ModelConfig", figures: "Figures") -> list[str]:
    parameters, work, quantizer = figures.parameters, figures.work, config.quantizer
    parts = asdict(parameters)
    sides = [
        f"{side} {parts[side]:,}" for side in ("encoder", "quantizer", "decoder", "semantic") if parts[side]
    ]
    lines = [
        f"model            {title}",
        f"audio            {config.sample_rate} Hz, {config.channels} channel{'s' * (config.channels > 1)}",
        f"frames           {figures.frame_rate} a second, of {config.hop_samples} samples",
        f"codebooks        {quantizer.codebooks} of {quantizer.codebook_size}, "
        f"{parameters.codebooks:,} numbers",
        f"parameters       {parameters.total:,} ({', '.join(sides)}; {parameters.norms:,} of them in norms)",
        f"work             {_mega(work.encoder)} to encode, {_mega(work.decoder)} to decode "
        "(million multiply-accumulates for a second of audio)",
        f"                 and {_mega(work.search)} for a codebook searched, {_mega(work.lookup)} looked up",
        f"latency          {_latency(figures)}",
        f"receptive field  {_reach(figures, config.sample_rate)}",
        f"streams          {'yes' if figures.streamable else 'no'}",
    ]
    lines += [f"long items       {how}"] if (how := _long_items(config)) else []
    if figures.rates[0].label_bps:
        lines.append(f"labels           {_plain(figures.rates[0].label_bps)} bit/s, in the rates below")
    lines += ["", f"{'n_q':>5} {'tokens/s':>10} {'bit/s':>10} {'M MAC/s encode':>16} {'decode':>10}"]
    for rate in figures.rates:
        tokens, bits = _plain(rate.tokens_per_second), _plain(rate.bitrate_bps)
        encoding, decoding = _mega(work.encoding(rate.n_q)), _mega(work.decoding(rate.n_q))
        lines.append(f"{rate.n_q:>5} {tokens:>10} {bits:>10} {encoding:>16} {decoding:>10}")
    return lines


def _long_items(config: "ModelConfig") -> str | None:
    """How a model that needs whole items codes long ones."""
    from codec.seanet_config import SeanetCodecConfig

    plan = config.segmentation if isinstance(config, SeanetCodecConfig) else None
    if plan is None:
        return None
    whole, length, stride = (
        f"{samples / config.sample_rate:.3g} s"
        for samples in (plan.whole_samples, plan.length_samples, plan.stride_samples)
    )
    cut = f"in segments of {length} every {stride}"
    return f"up to {whole} whole, longer {cut}" if plan.whole_samples else f"all {cut}, work included"


def _facts(name: str, config: "ModelConfig") -> dict[str, Any]:
    """All figures as values for JSON; fractions as numbers, but the frame rate as in a manifest."""
    from codec.figures import figures_of

    figures = figures_of(config)
    facts = _numbers(asdict(figures))
    facts["frame_rate"] = [figures.frame_rate.numerator, figures.frame_rate.denominator]
    facts["parameters"]["total"] = figures.parameters.total
    return {"name": name, "sample_rate": config.sample_rate, "hop_samples": config.hop_samples, **facts}


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    return value


def _latency(figures: "Figures") -> str:
    return "whole item" if figures.latency_ms is None else f"{figures.latency_ms:g} ms"


def _reach(figures: "Figures", sample_rate: int) -> str:
    samples = figures.receptive_field_samples
    return "whole item" if samples is None else f"{samples} samples, {1000 * samples / sample_rate:.0f} ms"


def _mega(count: Fraction) -> str:
    return f"{float(count) / 1e6:.1f}"


def _plain(value: Fraction) -> str:
    return f"{float(value):g}"
