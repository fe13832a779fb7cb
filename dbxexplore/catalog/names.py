"""The order of names: whatever their case, equal ones by the exact name. Everything that a person sees uses it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def name_key(name: str) -> tuple[str, str]:
    """Return what `sorted` has to compare to put names in this order."""
    return name.lower(), name


def order_by_name(
    names: pa.Array, by: npt.NDArray[np.generic] | pa.Array | None = None, *, descending: bool = False
) -> npt.NDArray[np.intp]:
    """Return the positions of names in their order; ``by`` is compared before them, if it is given."""
    keys = {"lower": pc.utf8_lower(names), "name": names}
    orders = [(key, "descending" if descending else "ascending") for key in keys]
    if by is not None:
        keys["by"] = pa.array(by)
        orders.insert(0, ("by", "ascending"))
    order: npt.NDArray[np.intp] = pc.sort_indices(pa.table(keys), sort_keys=orders).to_numpy().astype(np.intp)
    return order
