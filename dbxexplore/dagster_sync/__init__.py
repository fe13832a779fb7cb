"""An exported connection in open-source Dagster: discovered, filtered and synced under the same asset keys.

Needs ``pip install "dbxexplore[dagster]"``.
"""

from dbxexplore.dagster_sync.component import DatabricksConnectionComponent
from dbxexplore.dagster_sync.translate import DatabricksObject
from dbxexplore.discovery.state import Stale

__all__ = ["DatabricksConnectionComponent", "DatabricksObject", "Stale"]
