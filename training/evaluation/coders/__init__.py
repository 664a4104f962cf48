"""What is compared: a model of ours at several n_q, and classical codecs through their own programs."""
