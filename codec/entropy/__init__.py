"""Entropy coding of codes with integer tables: the same bytes on every machine.

A table gives each entry of a codebook a frequency of at least 1; the frequencies of a table sum up to 65536.
Which table codes a frame depends on codes that the decoder has by then: the one before it in the same row,
and the one of the same frame in the first row. So every row can be decoded as long as the first is there, and
rows can be cut off the end. Each block starts afresh.

    context = previous[q][codes[q, t - 1]] * n_first[q] + first[q][codes[0, t]]

where `previous[q]` and `first[q]` map codes to a few clusters of codes, the "code" before the first frame of
a block is the codebook's size, and the first codebook, whose own row is not there yet, has n_first = 1.

A row is one number: the state of a range asymmetric numeral system (Duda, arXiv:1311.2540), most
significant byte first without leading zeros. Coding a code of frequency f that has c below it in its table
turns the state x into (x // f) * 65536 + c + x % f, from the last frame to the first, starting at x = 1. So
that x stays below 2^30, its lowest byte is moved out first, in front of the bytes moved out before, as long
as x >= f * 2^14. The decoder undoes this from the first frame to the last, takes a byte in whenever
x < 2^22 and bytes are left, and has to end at x = 1 with no bytes left.
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
