"""Tests of the images, manifests, rules and dashboard in deploy/."""
