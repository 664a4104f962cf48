"""The command `codecd stream`: live streams in a pipeline of programs."""
