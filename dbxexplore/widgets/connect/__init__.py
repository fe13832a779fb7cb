"""Connecting to a workspace and discovering what is in it."""
