"""The admin interface: what runs, and which versions are to run; for operators on this machine."""
