"""Browsing the catalog: the tree, and a plainer browser where the tree cannot be shown."""
