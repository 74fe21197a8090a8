"""Telling people what a run does, beside the run."""
