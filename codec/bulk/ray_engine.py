"""Shards by Ray Data, on this machine or a cluster (`pip install 'codecd[ray]'`)."""
