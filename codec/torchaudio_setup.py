"""Make `import torchaudio` work beside a CPU-only torch: `python -m codec.torchaudio_setup`.

The torchaudio of the package index is compiled for CUDA: its extension links against `libc10_cuda.so`, which
a CPU-only torch does not bring. torchaudio loads the extension on import where the file is there and lets the
loader's error rise; where the file is absent it does without, and everything made of torch operations (filter
banks, transforms, resampling) works. So on a CPU-only torch the file that cannot be loaded is renamed, once,
to `*.so.disabled`. A torchaudio that imports, and any torch with CUDA or ROCm, is left as it is.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import torch

from codec.errors import CodecError

_SUFFIX = ".disabled"


def repair() -> str:
    """Rename torchaudio's extension if it cannot be loaded; return one line that says what was done.

    Raises `CodecError` where torchaudio is missing, or fails to import for another reason.
    """
    spec = importlib.util.find_spec("torchaudio")
    if spec is None or spec.origin is None:
        raise CodecError("torchaudio is not installed; install it with: pip install --no-deps torchaudio")
    error = _import_error()
    if not error:
        return "torchaudio imports; nothing to do"
    if torch.version.cuda or torch.version.hip:
        raise CodecError(
            f"torchaudio fails beside this GPU build of torch ({error}); install the one that matches it"
        )
    # torchaudio asks for nothing else of its compiled files once this one is absent.
    extensions = sorted((Path(spec.origin).parent / "lib").glob("_torchaudio*.so"))
    for extension in extensions:
        extension.rename(extension.with_name(extension.name + _SUFFIX))
    remaining = _import_error()
    if remaining:
        for extension in extensions:
            extension.with_name(extension.name + _SUFFIX).rename(extension)
        raise CodecError(
            f"torchaudio does not import, with or without its extension; reinstall it ({remaining})"
        )
    names = ", ".join(extension.name for extension in extensions)
    return f"torchaudio: renamed {names} to *{_SUFFIX}: it needs CUDA, this torch is CPU-only"


def main() -> int:
    """Run `repair` from the command line; return the exit status."""
    try:
        print(repair())
    except CodecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _import_error() -> str:
    """Return the last line of what `import torchaudio` says in a fresh interpreter, or an empty string."""
    result = subprocess.run([sys.executable, "-c", "import torchaudio"], capture_output=True, text=True)
    if result.returncode == 0:
        return ""
    return (result.stderr.strip().splitlines() or [f"exit status {result.returncode}"])[-1]


if __name__ == "__main__":
    sys.exit(main())
