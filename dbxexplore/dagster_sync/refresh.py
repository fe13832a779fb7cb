"""A job that refreshes the stored state, and the schedule that it runs on.

What it stores is what `dg utils refresh-defs-state` would store. Dagster builds definitions when a code location is
loaded, and a run cannot have its own location loaded again: so what a refresh has found shows after the next reload
(https://docs.dagster.io/guides/build/components/state-backed-components). Versioned storage is shared by all machines;
a local file is on the machine of the run, and serves where that is the machine of the code location too.
"""

# Without lazy annotations, because Dagster reads those of an op.
import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable

import dagster as dg
from dagster._core.storage.defs_state.base import set_defs_state_storage

from dbxexplore.export import Schedule

RELOAD = "Reload the code location to see what has changed."


def refresh_schedule(
    connection: str, schedule: Schedule, refresh: Callable[[], Awaitable[str]], *, is_local: bool
) -> dg.ScheduleDefinition:
    """Return the schedule, with its job.

    Args:
        connection: the name of the connection, which the job is named after.
        schedule: when to refresh.
        refresh: refreshes the state and returns its version.
        is_local: whether the state is stored in the file system, where only the machine of the run finds it. Then the
            job fails where Dagster starts runs elsewhere than its code location.
    """
    name = f"{identifier(connection)}_refresh"

    @dg.op(name=f"{name}_op", description="Discovers the workspace and stores what it finds.")
    def refresh_op(context: dg.OpExecutionContext) -> None:
        launcher = type(context.instance.run_launcher)
        if is_local and not launcher.__module__.startswith("dagster."):
            # Such as that of Kubernetes, Docker or ECS: each run has a file system of its own, which ends with it.
            raise dg.Failure(
                f"{launcher.__name__} starts this run in another container than the code location, which would never "
                "read a state that is stored in the file system here. Set defs_state: "
                "{management_type: VERSIONED_STATE_STORAGE} under attributes in defs.yaml.",
                allow_retries=False,
            )
        # Dagster sets this while it loads definitions, and not while it runs them.
        with set_defs_state_storage(context.instance.defs_state_storage):
            version = asyncio.run(_awaited(refresh))
        context.log.info("Stored the state as version %s. %s", version, RELOAD)

    @dg.job(name=name, description=f"Refreshes the stored state of the connection {connection}. {RELOAD}")
    def refresh_job() -> None:
        refresh_op()

    return dg.ScheduleDefinition(
        name=f"{name}_schedule",
        job=refresh_job,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


async def _awaited(refresh: Callable[[], Awaitable[str]]) -> str:
    return await refresh()


def identifier(connection: str) -> str:
    """Return the name of a connection as Dagster takes it for a job, different for different connections."""
    made = re.sub(r"[^A-Za-z0-9_]", "_", connection)
    return made if made == connection else f"{made}_{zlib.crc32(connection.encode()):08x}"
