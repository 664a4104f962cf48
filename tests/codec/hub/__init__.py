"""Tests of `codec.hub`."""
