"""The supervisor: starts the front end and the workers, replaces the dead, rolls versions, shuts down."""
