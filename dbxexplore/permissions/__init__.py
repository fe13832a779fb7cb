"""What a principal can see of what is to be synced, and the grants that it lacks.

::

    audit = dbx.permissions.audit(settings, preview, principal="00000000-0000-0000-0000-000000000000")
    audit.counts()
    print(dbx.permissions.grants_sql(preview, audit=audit))
"""

from dbxexplore.permissions.principals import Principal
from dbxexplore.permissions.report import Audit, audit
from dbxexplore.permissions.scripts import grants_request, grants_sql, grants_terraform, revoke_sql

__all__ = ["Audit", "Principal", "audit", "grants_request", "grants_sql", "grants_terraform", "revoke_sql"]
