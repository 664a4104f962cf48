"""The front end: REST and gRPC in one event loop, in front of the workers that own the models."""
