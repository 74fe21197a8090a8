"""Readings to phase, comparison and verdicts."""
