"""Every command in the documentation runs here: README.md, docs/*.md and deploy/README.md.

How to write a page:

*   Every fence names its language. `sh`, `bash`, `console` (lines that begin with `$ `) and `python` are
    run, in the order of the page; everything else (`text`, `json`, `proto`, ...) is there to be read.
*   A page runs in a scratch directory that looks like a checkout of this repository with its `.venv`
    active, and has its own copy of `models/`, which is the default repository. Beside it lie `speech.wav`
    (a sentence, 16 kHz), `recordings/` (three short clips, one in a folder of its own) and `speech/` (six
    clips, enough to train a few steps).
*   Shell blocks share variables and the working directory, Python blocks share their names. A shell block
    ends at its first command that fails (`set -e -o pipefail`; curl fails on answers that are errors).
*   A page that names port 8000, 8001 or 8002 (`localhost:8000`) finds the shipped model served there. A
    page that needs something else serves for itself: a block that is one command `codecd serve ...` runs in
    the background until the page ends, and the next block begins when it is ready.
*   These ports are not free everywhere. `scratch.py` puts others in their place, by one table (`REWRITES`);
    so name a port where it is used; only `codecd stream` finds its service by `CODECD_SERVER`.
*   `scratch.STAND_INS` stand in for programs that are not installed. Blocks with `node` or `sox` are left out
    where these are missing.
*   What takes long is made short by a variable that the reader sees: `steps=${STEPS:-15000}`. The values in
    the test are `scratch.SHORT`.
*   A comment on the line above a fence says what cannot be done: `<!-- not run: needs docker -->`, with one
    of the reasons of `page.REASONS`, or `<!-- slow: trains for a minute -->`, which runs with `pytest -m
    slow` only, as must all blocks that need its result. `codecd`, `make` and `python -m` commands that are
    not run are at least parsed.
"""
