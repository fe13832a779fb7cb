"""The identity of a Databricks notebook, which its runtime knows."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dbxexplore import errors
from dbxexplore.connection.auth.base import Auth
from dbxexplore.connection.credentials import SdkConfig


@dataclass(frozen=True)
class RuntimeAuth(Auth):
    """The identity of the Databricks notebook that this code runs in."""

    kind = "runtime"
    label = "Databricks notebook identity"
    needs_url = False
    portable = False
    needs_notebook = True
    why_not = "the identity of a notebook exists in that notebook only"

    def sdk_config(self, host: str | None, workspace_id: str | None, timeout: float) -> SdkConfig:  # noqa: ARG002 - no call
        """Return how the SDK authenticates with it; see `Auth.sdk_config`."""
        if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
            msg = "Notebook identity (RuntimeAuth) only works inside Databricks, and this process is not running there"
            raise errors.CredentialError(msg, remedy="Use a token, a service principal or a profile instead")
        # The runtime knows the notebook by the thread that asks.
        return SdkConfig("The notebook's identity", host, workspace_id, {"auth_type": "runtime"}, in_thread=False)
