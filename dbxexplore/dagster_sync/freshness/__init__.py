"""Freshness: a sensor that reports what has changed in the workspace, and checks of the columns of what has."""

from dbxexplore.dagster_sync.freshness.checks import schema_checks
from dbxexplore.dagster_sync.freshness.sensor import FreshnessSensor, Report, Watched

__all__ = ["FreshnessSensor", "Report", "Watched", "schema_checks"]
