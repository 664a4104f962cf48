"""The same model behind servers of other packages: POST /encode of a WAV, packed codes back."""
