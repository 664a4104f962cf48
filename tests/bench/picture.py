"""The picture of the README: spectrograms of a clip and of what comes back at a few bitrates.

python -m tests.bench.picture --model stream_16k --out docs/spectrograms.png
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import torch

from codec.audio import read_audio
from codec.checkpoint import open_codec
from codec.commands.options import SHIPPED_REPOSITORY
from tests.support import shared_dir

matplotlib.use("Agg")
from matplotlib import pyplot as plt

N_Q = (2, 8, 32)


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="stream_16k")
    parser.add_argument("--repository", type=Path, default=SHIPPED_REPOSITORY)
    parser.add_argument("--clip", type=Path, help="audio file (default: the CC0 sample clip)")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec = open_codec(arguments.model, arguments.repository).codec
    rate = codec.config.sample_rate
    clip = arguments.clip or shared_dir() / "data" / "sample" / "cc0_nabucasa_kathleen.flac"
    original = torch.from_numpy(read_audio(clip, rate).samples).unsqueeze(0)
    encoded = codec.encode(original, max(N_Q))
    signals = {"original, 256 kbit/s": original}
    for n_q in N_Q:
        kbps = float(codec.config.bitrate_bps(n_q)) / 1000
        signals[f"{n_q} codebooks, {kbps:g} kbit/s"] = codec.decode(encoded.thin(n_q))
    figure, axes = plt.subplots(1, len(signals), figsize=(14, 3), sharey=True, layout="constrained")
    for axis, (title, signal) in zip(axes, signals.items(), strict=True):
        axis.specgram(signal[0, 0].numpy() + 1e-7, NFFT=512, Fs=rate, noverlap=384, vmin=-120, vmax=-30)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("seconds")
    axes[0].set_yticks(np.arange(0, 9000, 2000), [str(k) for k in range(0, 9, 2)])
    axes[0].set_ylabel("kHz")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, dpi=80)


if __name__ == "__main__":
    main()
