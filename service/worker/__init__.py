"""A worker: one process, one immutable model version, one thread that reads, steps and writes."""
