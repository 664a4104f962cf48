"""Weights released by other toolkits, as codecs of this library."""
