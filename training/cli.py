"""The commands `codecd train`, `codecd eval`, `codecd probe` and `codecd publish`."""

import logging
import sys
from argparse import Namespace
from pathlib import Path

from codec.commands.options import (
    SubParsers,
    add_command,
    add_overwrite,
    add_repository,
    refuse_existing,
    repository_of,
)
from training.recipe import load_recipe, shipped_recipes

_TRAIN_EXAMPLES = """examples:
  codecd train stream_16k data.train=speech/ --out runs/a
  codecd train stream_16k data.train=speech/ steps=500 optimiser.learning_rate=5e-4 --out runs/b
  codecd train stream_16k data.train=speech/ --out runs/a        (again: resumes where it stopped)
  codecd train funcodec_16k data.train=libritts:corpora:train-clean-100 data.valid=valid.csv --out runs/c
  codecd train stream_16k init=stream_16k@stable data.train=mine/ linear_start=false steps=2000 --out runs/d
  torchrun --nproc-per-node 4 -m codec.cli train funcodec_16k data.train=wav.scp --out runs/e
  tensorboard --logdir runs/
"""

_EVAL_EXAMPLES = """examples:
  codecd eval stream_16k recordings/ --out report/
  codecd eval stream_16k valid.csv --select kind=clean --n-q 2,4,8,16,32 --baselines opus,codec2 --out report/
  codecd eval stream_16k valid.csv --every 10 --metrics pesq,stoi --baselines opus:6000 --out quick/
  codecd eval runs/a valid.csv --beside stream_16k,runs/b/best.pt --out report/      (before it is published)
"""

_PROBE_ABOUT = """\
Train the same small network to recognise phones in log-mel features, in the encoder's output, in the codec's
embedding (the sum of codebook entries, which the decoder is given) and in the code indices, and print the
error rates side by side (paper table 6, in miniature).

The task is to tell which of 39 English phones, or silence, sounds in each frame. Without --labels, or where
it has no file, labels are automatic: words recognised by pocketsphinx in the original (US English), then
aligned, which takes a third of the audio's time. Part of every error is theirs: compare the inputs, not the
numbers with other tables. Give clean English speech; for anything else give labels."""

_PROBE_EXAMPLES = """examples:
  codecd probe stream_16k train.csv --test valid.csv --select language=en --labels phones/ --out report/
  codecd probe stream_16k train/ --test valid/ --n-q 32 --labels phones/     (labels are there by now)
"""

_PUBLISH_EXAMPLES = """examples:
  codecd publish runs/a --name stream_16k
  codecd publish runs/a --name stream_16k --channel canary --report report/
"""


def register_train(commands: SubParsers) -> None:
    """Add `codecd train`."""
    parser = add_command(commands, "train", "train a model on a folder of audio", _TRAIN_EXAMPLES)
    parser.add_argument("recipe", help=f"a YAML file or one of: {', '.join(sorted(shipped_recipes()))}")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes to the recipe")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; resumed if it exists")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the model (default 1)")
    add_repository(parser)
    parser.set_defaults(run=_train)


def register_eval(commands: SubParsers) -> None:
    """Add `codecd eval`."""
    parser = add_command(
        commands, "eval", "measure a model's quality, bitrate and speed, beside other codecs", _EVAL_EXAMPLES
    )
    parser.add_argument(
        "model", metavar="MODEL", help="name, name@channel, name@version, a folder, or a run as it is now"
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder, or CSV with a column path or file")
    parser.add_argument(
        "--beside", type=_words, default=(), metavar="MODEL,MODEL", help="other models, in the same tables"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the report")
    parser.add_argument("--n-q", type=_numbers, metavar="N,N", help="codebooks (default: 1, 2, 4, ... all)")
    parser.add_argument(
        "--baselines",
        type=_words,
        default=(),
        metavar="NAME,NAME",
        help="opus and codec2 at usual bitrates, opus:6000 at one",
    )
    parser.add_argument(
        "--select", type=_words, default=(), metavar="COLUMN=VALUE,…", help="rows of the CSV, as kind=clean"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th recording")
    parser.add_argument(
        "--metrics", type=_words, metavar="NAME,NAME", help="how their names begin (default: all)"
    )
    parser.add_argument("--visqol-generation", choices=("v333", "v310"), default="v333")
    parser.add_argument(
        "--visqol-svr", type=Path, metavar="FILE", help="regression of ViSQOL's audio mode (libsvm text)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread (default 1)")
    add_repository(parser)
    add_overwrite(parser)
    parser.set_defaults(run=_eval)


def register_probe(commands: SubParsers) -> None:
    """Add `codecd probe`."""
    parser = add_command(
        commands,
        "probe",
        "compare how well a small recogniser hears phones in log-mel, embeddings and codes",
        _PROBE_EXAMPLES,
        _PROBE_ABOUT,
    )
    parser.add_argument("model", metavar="MODEL", help="name, name@channel, name@version, or a folder")
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="recordings to learn from: folder, or CSV with path or file"
    )
    parser.add_argument(
        "--test", type=Path, required=True, metavar="DATA", help="other recordings, by other speakers"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for probe.md and probe.json")
    parser.add_argument("--n-q", type=int, metavar="N", help="codebooks (default 8, or all if fewer)")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="DIR",
        help="folder where a/b.lab (lines of start end phone, in seconds) belongs to a/b.flac; "
        "what is missing is recognised and written there",
    )
    parser.add_argument(
        "--select", type=_words, default=(), metavar="COLUMN=VALUE,…", help="rows of both CSVs, as kind=clean"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="learn from every N-th recording")
    parser.add_argument("--epochs", type=int, default=30, help="most passes over the data (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="of what is held out, weights and order")
    add_repository(parser)
    add_overwrite(parser)
    parser.set_defaults(run=_probe)


def register_publish(commands: SubParsers) -> None:
    """Add `codecd publish`."""
    parser = add_command(
        commands, "publish", "publish a training run's model to a repository", _PUBLISH_EXAMPLES
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run, or a checkpoint")
    parser.add_argument("--name", required=True, help="model name in the repository")
    parser.add_argument(
        "--golden", type=Path, help="short clip whose codes prove a load (default: a synthetic one)"
    )
    parser.add_argument("--channel", default="stable", help="channel to point to it (default stable)")
    parser.add_argument("--description", default="", help="one line for people")
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the weights")
    parser.add_argument("--card", type=Path, help="Markdown model card to publish with it")
    parser.add_argument("--report", type=Path, metavar="DIR", help="what codecd eval wrote about this run")
    add_repository(parser)
    parser.set_defaults(run=_publish)


def _train(arguments: Namespace) -> int:
    # Imported here, as in the other commands: torch takes seconds, and `codecd info` needs none of it.
    import torch

    from training.run import train

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # It tells which event files it opens when the report is written.
    logging.getLogger("tensorboard").setLevel(logging.WARNING)
    torch.set_num_threads(arguments.threads)
    recipe = load_recipe(arguments.recipe, arguments.overrides)
    checkpoint = train(recipe, arguments.out, repository_of(arguments))
    print(f"{checkpoint}")
    return 0


def _eval(arguments: Namespace) -> int:
    from training.evaluation.evaluation import Request, evaluate
    from training.evaluation.report_folder import MARKDOWN_NAME

    refuse_existing(arguments.out / MARKDOWN_NAME, arguments.force)
    request = Request(
        model=arguments.model,
        repository=repository_of(arguments),
        data=arguments.data,
        out=arguments.out,
        n_q=arguments.n_q,
        beside=arguments.beside,
        baselines=arguments.baselines,
        select=arguments.select,
        every=arguments.every,
        metrics=arguments.metrics,
        visqol_generation=arguments.visqol_generation,
        visqol_svr=arguments.visqol_svr,
        workers=arguments.workers,
    )
    report = evaluate(request)
    for reason in report.absent:
        print(f"codecd: left out: {reason}", file=sys.stderr)
    for failure in report.failures:
        print(f"codecd: {failure.clip}: {failure.coder}: {failure.step}: {failure.reason}", file=sys.stderr)
    print(arguments.out / MARKDOWN_NAME)
    return 1 if report.failures else 0


def _probe(arguments: Namespace) -> int:
    import torch

    from training.probe.learning import Learning
    from training.probe.probe import Request, probe
    from training.probe.report import MARKDOWN_NAME, to_markdown

    if arguments.out:
        refuse_existing(arguments.out / MARKDOWN_NAME, arguments.force)
    torch.set_num_threads(1)
    request = Request(
        model=arguments.model,
        repository=repository_of(arguments),
        data=arguments.data,
        test=arguments.test,
        learning=Learning(epochs=arguments.epochs, seed=arguments.seed),
        out=arguments.out,
        labels=arguments.labels,
        n_q=arguments.n_q,
        select=arguments.select,
        every=arguments.every,
    )
    report = probe(request)
    print(to_markdown(report))
    return 1 if report.skipped else 0


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in _words(text))


def _publish(arguments: Namespace) -> int:
    import torch

    from training.publish import Publication, publish_run

    torch.set_num_threads(1)
    publication = Publication(
        name=arguments.name,
        channel=arguments.channel,
        golden=arguments.golden,
        description=arguments.description,
        licence=arguments.licence,
        card=arguments.card,
        report=arguments.report,
    )
    print(publish_run(arguments.run_folder, repository_of(arguments), publication))
    return 0
