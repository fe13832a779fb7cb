"""A Databricks workspace to try things on: an emulator on this machine, filled with a believable sample."""

from dbxexplore.demo.emulator import DemoWorkspace, workspace

__all__ = ["DemoWorkspace", "workspace"]
