"""Discovery: every object that a credential can see, and every scope that it could not list."""

from dbxexplore.catalog.schema import Depth
from dbxexplore.discovery.arguments import Strategy
from dbxexplore.discovery.crawl import discover
from dbxexplore.discovery.enrich import enrich
from dbxexplore.discovery.progress import Progress, progress_bar
from dbxexplore.discovery.refresh import refresh

__all__ = ["Depth", "Progress", "Strategy", "discover", "enrich", "progress_bar", "refresh"]
