"""Serves a generated workspace: ``python -m simulator``."""

from simulator.process import main

main()
