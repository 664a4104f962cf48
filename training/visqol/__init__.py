"""ViSQOL, an objective measure of how good coded audio sounds beside its original; NumPy and SciPy only.

The method is that of Chinen et al., "ViSQOL v3: an open source production ready objective speech and audio
metric" (2020), with the constants of Google's implementation in two of its generations. A score means little
without its mode, mapper and generation, so every `VisqolScore` names all three.
"""

from training.visqol.visqol import VisqolScore, visqol

__all__ = ["VisqolScore", "visqol"]
