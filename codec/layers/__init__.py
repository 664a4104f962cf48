"""Layers of the networks; each layer's stream state stands beside it."""
