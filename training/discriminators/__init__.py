"""Discriminators of any kind behind one interface: audio `[item, sample]` in, a list of judgements out.

The sub-discriminators of all kinds stand in one flat list, as in the paper's toolkit: losses average over
them, so a kind with five of them counts five times.
"""
