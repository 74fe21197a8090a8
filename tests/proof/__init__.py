"""Playbooks that are proven, and playbooks that are found to be wrong."""
