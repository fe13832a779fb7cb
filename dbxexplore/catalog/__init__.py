"""The catalog: one frame of objects, where it came from, and what could not be seen."""

from dbxexplore.catalog.snapshot import Catalog, Provenance

__all__ = ["Catalog", "Provenance"]
