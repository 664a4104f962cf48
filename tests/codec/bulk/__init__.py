"""Tests of `codec.bulk`."""
