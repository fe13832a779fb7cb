"""Editing the patterns, and what an edit changes."""
