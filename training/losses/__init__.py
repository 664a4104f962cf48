"""How far the reconstruction is from the input, to an ear and to discriminators."""
