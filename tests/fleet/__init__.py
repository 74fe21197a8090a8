"""Readiness over time, from records alone."""
