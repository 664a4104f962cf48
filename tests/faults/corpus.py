"""Sound files and messages of every kind, to be damaged."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
from google.protobuf.message import Message
from numpy.typing import NDArray

from codec.container import write_cdc
from codec.tokens import TokenIdentity, Tokens
from proto.codec.v1 import codec_pb2 as pb
from tests.faults.service import N_Q, Clip

_AUDIO_FORMS = (
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "PCM_24"), ("WAV", "ALAW"), ("WAVEX", "PCM_16"),
    ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16"),
)  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A body and the request that it belongs to."""

    target: str
    content: bytes
    content_type: str = ""


def bodies(clip: Clip, identity: TokenIdentity) -> list[Body]:
    """Sound requests over HTTP; several targets for the forms that matter most."""
    pcm = clip.pcm[:4000]
    found = [Body("/encode", _file(pcm, form, subtype)) for form, subtype in _AUDIO_FORMS]
    wav = found[0].content
    raw = np.rint(pcm * 32767).astype("<i2").tobytes()
    cdc = _cdc(clip, identity, len(clip.pcm))
    found += [
        Body("/encode", wav),
        Body("/encode", _file(np.stack([pcm, pcm], 1), "WAV", "PCM_16", 44_100)),
        Body("/encode?n_q=32&format=json", wav),
        Body("/reconstruct?format=flac", wav),
        Body("/encode", raw, "audio/L16;rate=16000;channels=1"),
        Body("/decode", cdc),
        Body("/decode?format=flac", cdc),
        Body("/decode?format=pcm_f32le", _cdc(clip, identity, None)),
    ]
    return found


def messages(clip: Clip, identity: TokenIdentity) -> dict[str, list[Message]]:
    """Sound requests of the unary methods, and the sequences of the streaming ones, by method."""
    pcm = clip.pcm[:4000]
    raw = pb.RawPcm(
        format=pb.PCM_FORMAT_F32LE, sample_rate=16_000, channels=1, samples=pcm.astype("<f4").tobytes()
    )
    tokens = pb.Tokens(n_q=N_Q, codes=clip.wire)
    model = pb.ModelRef(model=identity.model, version=identity.version)
    rate = pb.Rate(n_q=N_Q)
    encode = [
        pb.EncodeRequest(rate=rate, file=_file(pcm, "WAV", "PCM_16")),
        pb.EncodeRequest(rate=pb.Rate(bitrate_bps=4000), model=model, pcm=raw),
    ]
    audio = np.rint(pcm * 32767).astype("<i2").tobytes()
    return {
        "Encode": list(encode),
        "Reconstruct": list(encode),
        "Decode": [
            pb.DecodeRequest(token_space=identity.token_space, tokens=tokens, n_samples=len(clip.pcm)),
            pb.DecodeRequest(model=model, tokens=tokens, format=pb.PCM_FORMAT_F32LE),
        ],
        "StreamEncode": [
            pb.StreamEncodeRequest(open=pb.OpenEncode(rate=rate, model=model, sample_rate=16_000)),
            pb.StreamEncodeRequest(audio=pb.AudioChunk(samples=audio, rate=pb.Rate(n_q=4))),
            pb.StreamEncodeRequest(flush=pb.Flush(id=7)),
            pb.StreamEncodeRequest(keep_alive=pb.KeepAlive()),
        ],
        "StreamDecode": [
            pb.StreamDecodeRequest(open=pb.OpenDecode(token_space=identity.token_space)),
            pb.StreamDecodeRequest(tokens=tokens),
            pb.StreamDecodeRequest(flush=pb.Flush(id=7)),
            pb.StreamDecodeRequest(keep_alive=pb.KeepAlive()),
        ],
    }


def _file(samples: NDArray[np.float32], form: str, subtype: str, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=form, subtype=subtype)
    return out.getvalue()


def _cdc(clip: Clip, identity: TokenIdentity, n_samples: int | None) -> bytes:
    return write_cdc(Tokens(clip.codes, identity, 16_000, 320, n_samples, 1024))
