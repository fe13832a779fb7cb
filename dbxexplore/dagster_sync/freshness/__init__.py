"""Freshness: a sensor that reports a materialization whenever a table has changed, and checks of the columns."""

from dbxexplore.dagster_sync.freshness.checks import schema_checks
from dbxexplore.dagster_sync.freshness.sensor import FreshnessSensor, Watched

__all__ = ["FreshnessSensor", "Watched", "schema_checks"]
