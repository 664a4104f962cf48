"""Versions of models in the layout of a Hugging Face repository: a folder, or a repository on a hub.

It holds the files of the version as they are (`docs/hub.md` lists them), `manifest.json`, which has a digest
of each, and `README.md`, a card that is for people and that nothing here reads.
"""
