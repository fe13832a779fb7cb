"""Who a principal is: its name as grants have it, its kind, and the groups that it is in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dbxexplore import errors
from dbxexplore.connection import Json
from dbxexplore.discovery.answers import objects_in, text
from dbxexplore.discovery.engine import Crawler, Failed, Request
from dbxexplore.permissions.rules import EVERYONE, Names

PrincipalKind: TypeAlias = Literal["user", "service principal", "group", "unknown"]

_SCIM = "/api/2.0/preview/scim/v2"
_LOCAL = frozenset({"admins", "users"})  # groups of the workspace, which Unity Catalog does not know
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COUNT = 100
_MOST = 100_000  # entries of a list, after which it counts as endless


@dataclass(frozen=True)
class Principal:
    """A principal of Unity Catalog.

    ``name`` is what grants name it by: an application ID, an e-mail address or the name of a group. ``names`` are all
    names under which it holds privileges. ``note`` says what is not known of it.
    """

    name: str
    kind: PrincipalKind
    names: Names
    display_name: str | None = None
    note: str = ""


class Directory:
    """The principals of a workspace, as far as the caller may read them.

    Args:
        me: the answer of SCIM Me.
        lists: the resources by kind (Users, ServicePrincipals, Groups); None for those that may not be read.
    """

    def __init__(self, me: Json, lists: Mapping[str, list[Json] | None]) -> None:
        self._lists = lists
        groups, _ = objects_in(me, "groups", "me")
        own = {name for group in groups if (name := text(group.get("display"))) and name not in _LOCAL}
        self.caller = text(me.get("userName")) or text(me.get("applicationId")) or ""
        if not self.caller:
            msg = "The workspace does not say who this credential belongs to"
            raise errors.NotDatabricksError(msg, remedy="Name the principal to check")
        self.mine = frozenset({self.caller, EVERYONE, *own})

    def principal(self, name: str | None) -> Principal:
        """Return a principal by its name; None is the caller.

        Raises:
            SettingsError: there is no such principal, or the name is not the one that grants use.
        """
        if name is None or name == self.caller:
            kind: PrincipalKind = "service principal" if _UUID.fullmatch(self.caller) else "user"
            # Whether SCIM Me has all groups of the caller, or those alone that it is in directly, is not documented.
            found = self._found(self.caller) if self.caller else None
            names = Names(self.mine | found.names.certain) if found else Names(self.mine, None)
            return Principal(self.caller, kind, names, self._display(self.caller))
        if name == EVERYONE:
            return Principal(name, "group", Names(frozenset({EVERYONE})))
        if name in _LOCAL:
            msg = f"{name!r} is a group of the workspace, which Unity Catalog does not know"
            raise errors.SettingsError(msg, expected="a group of the account, a user or a service principal")
        found = self._found(name)
        if found is None:
            note = (
                "Users and groups can be read by workspace admins only, so its groups are not known. A name of the form "
                "of an e-mail address or an application ID is taken for no group."
            )
            return Principal(name, "unknown", Names(frozenset({name, EVERYONE}), None), note=note)
        return found

    def _found(self, name: str) -> Principal | None:
        users, services, groups = (self._lists.get(kind) for kind in ("Users", "ServicePrincipals", "Groups"))
        if users is None or services is None or groups is None:
            return None
        names = Names(frozenset({name, EVERYONE, *_groups_of(name, users, services, groups)}))
        if any(one.get("userName") == name for one in users):
            return Principal(name, "user", names)
        for one in services:
            if one.get("applicationId") == name:
                return Principal(name, "service principal", names, text(one.get("displayName")))
        if any(one.get("displayName") == name and not _is_local(one) for one in groups):
            return Principal(name, "group", names)
        ids = sorted(str(one.get("applicationId")) for one in services if one.get("displayName") == name)
        if ids:
            msg = f"{name!r} is the display name of a service principal, and grants name it by its application ID"
            raise errors.SettingsError(msg, expected=" or ".join(ids))
        msg = f"There is no user, service principal or group {name!r} in this workspace"
        expected = "an e-mail address, an application ID or the name of a group"
        raise errors.SettingsError(
            msg, expected=expected, remedy="Look it up in the workspace's settings, under Identity"
        )

    def _display(self, name: str) -> str | None:
        services = self._lists.get("ServicePrincipals") or []
        return next((text(one.get("displayName")) for one in services if one.get("applicationId") == name), None)


def _is_local(group: Json) -> bool:
    meta = group.get("meta")
    is_marked = isinstance(meta, Mapping) and meta.get("resourceType") == "WorkspaceGroup"
    return is_marked or group.get("displayName") in _LOCAL


def _groups_of(name: str, users: list[Json], services: list[Json], groups: list[Json]) -> set[str]:
    """Return the names of the groups that a principal is in, nested ones too; groups may hold each other in a circle."""
    keyed = (("userName", users), ("applicationId", services), ("displayName", groups))
    start = {str(one.get("id")) for key, items in keyed for one in items if one.get(key) == name}
    holding: dict[str, set[str]] = {}  # the ids of groups by the ids of their members
    names = {}
    for group in groups:
        names[str(group.get("id"))] = text(group.get("displayName"))
        members = group.get("members")
        for member in members if isinstance(members, list) else ():
            if isinstance(member, Mapping):
                holding.setdefault(str(member.get("value")), set()).add(str(group.get("id")))
    found: set[str] = set()
    while start:
        start = {group for one in start for group in holding.get(one, ())} - found
        found |= start
    return {held for one in found if (held := names.get(one)) and held not in _LOCAL}


class DirectoryReader:
    """The requests that read a `Directory`."""

    def __init__(self) -> None:
        self.me: Json | None = None
        self.lists: dict[str, list[Json] | None] = {"Users": [], "ServicePrincipals": [], "Groups": []}

    def start(self) -> list[Request]:
        """Return the requests to begin with."""
        return [Request("me", f"{_SCIM}/Me", {}, self._take_me), *(self._page(kind, 1) for kind in self.lists)]

    def _take_me(self, answer: Json) -> Iterable[Request | Failed]:
        self.me = answer
        return ()

    def _page(self, kind: str, start: int) -> Request:
        def take(answer: Json) -> Iterable[Request | Failed]:
            items, odd = objects_in(answer, "Resources", kind)
            total, held = answer.get("totalResults"), self.lists[kind]
            if held is None or odd or (items and not isinstance(total, int)):
                self.lists[kind] = None
                return ()
            held += items
            more = bool(items) and isinstance(total, int) and start + len(items) <= total and len(held) < _MOST
            return [self._page(kind, start + len(items))] if more else ()

        def refused(_error: errors.WorkspaceError) -> Iterable[Request | Failed]:
            self.lists[kind] = None
            return ()

        query = {"startIndex": start, "count": _COUNT}
        return Request(kind, f"{_SCIM}/{kind}", query, take, refused, needed=False)

    def run(self, crawler: Crawler, beside: Iterable[Request]) -> Directory:
        """Read the directory, and make the requests ``beside`` as well.

        Raises:
            WorkspaceError: the workspace does not say who the caller is.
        """
        crawler.run([*self.start(), *beside])
        if self.me is None:
            reason = next((message for scope, _, message in crawler.failures if scope == "me"), "no answer")
            msg = f"The workspace does not say who this credential belongs to: {reason}"
            raise errors.WorkspaceError(msg)
        return Directory(self.me, self.lists)
