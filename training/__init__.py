"""Training: data, losses, discriminators, the loop, evaluation, and publishing to a repository."""
