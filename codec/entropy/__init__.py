"""Entropy coding of codes with integer tables: the same bytes on every machine.

Which table codes a frame depends on codes that the decoder has by then: the one before it in the same row,
and the one of the same frame in the first row. So every row can be decoded as long as the first is there, and
rows can be cut off the end. docs/file-format.md describes tables and rows exactly.
"""

from codec.entropy.coder import EntropyCoder
from codec.entropy.fitting import fit_tables
from codec.entropy.savings import Savings, measure_savings
from codec.entropy.tables import TABLES_FILE, EntropyTables, load_tables

__all__ = [
    "TABLES_FILE",
    "EntropyCoder",
    "EntropyTables",
    "Savings",
    "fit_tables",
    "load_tables",
    "measure_savings",
]
