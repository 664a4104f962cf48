"""The subcommands of `codecd` that need the library alone; `training` and `service` add theirs."""
