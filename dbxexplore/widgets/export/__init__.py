"""Exporting the connection in each of its forms."""
