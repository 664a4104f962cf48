"""`codecd eval`: what a model does to real recordings, beside other codecs, in one report."""
