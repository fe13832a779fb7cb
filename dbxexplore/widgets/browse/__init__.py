"""Browsing the catalog: the tree, and a simpler browser where the tree does not load."""
