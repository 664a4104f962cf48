"""Audio in and out: read, write, resample, mix channels, and refuse what cannot be coded.

Samples are float32 `[channel, sample]` with full scale at -1..1 everywhere. Nothing a file says about
itself is believed: limits are counted on what was really decoded.
"""

from codec.audio.convert import Converter, resampled_length
from codec.audio.pcm import PcmFormat, count_clipped, parse_pcm
from codec.audio.reader import AUDIO_SUFFIXES, AudioReader, AudioSource, read_audio
from codec.audio.signal import STREAMED, TRUNCATED, Audio, AudioLimits, Samples
from codec.audio.wav import parse_wav
from codec.audio.writer import AudioFormat, AudioWriter, FileFormat, encode_audio

__all__ = [
    "AUDIO_SUFFIXES",
    "STREAMED",
    "TRUNCATED",
    "Audio",
    "AudioFormat",
    "AudioLimits",
    "AudioReader",
    "AudioSource",
    "AudioWriter",
    "Converter",
    "FileFormat",
    "PcmFormat",
    "Samples",
    "count_clipped",
    "encode_audio",
    "parse_pcm",
    "parse_wav",
    "read_audio",
    "resampled_length",
]
