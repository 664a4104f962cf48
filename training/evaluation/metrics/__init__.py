"""Objective measures of coded audio, one a file: definition, units and source stand where the code is."""
