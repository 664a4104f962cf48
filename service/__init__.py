"""The codec as a service: supervisor, front end, workers, client."""
