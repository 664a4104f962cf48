"""codecd: neural speech codecs, audio in and tokens out, tokens in and audio out, whole or live."""
