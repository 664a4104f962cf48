"""How much a small recogniser hears in a codec's tokens: the probe of paper table 6, in miniature."""
