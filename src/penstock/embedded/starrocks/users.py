"""Users, their passwords and what they may do.

A password is kept as MySQL keeps it, as the SHA-1 of its SHA-1: enough to check a log-in over
either protocol, and not the password.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.config.secret import Secret
    from penstock.embedded.starrocks.catalog import Catalog

ADMIN_ROLES: Final = frozenset({"root", "cluster_admin", "db_admin", "user_admin"})
TABLE_PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "ALTER", "DROP", "EXPORT")


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def password_hash(password: str) -> str:
    """What is kept of a password; empty for none."""
    return _sha1(_sha1(password.encode())).hex() if password else ""


@dataclass(slots=True)
class User:
    """A user: what is kept of the password, roles, and privileges as (privilege, db, table).

    `*` stands for every database or table; the first user has the role `root`.
    """

    name: str
    password: str = ""
    roles: list[str] = field(default_factory=list)
    privileges: list[list[str]] = field(default_factory=list)

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return not ADMIN_ROLES.isdisjoint(self.roles)

    def may(self, privilege: str, db: str, table: str) -> bool:
        """Whether a privilege on a table was granted."""
        return self.is_admin or any(
            kind in (privilege, "ALL") and where in ("*", db) and what in ("*", table)
            for kind, where, what in self.privileges
        )


class Users:
    """All users; safe for use from many threads.

    Args:
        given: The first users and their passwords; they may do everything.
        catalog: Where the others are kept.
    """

    def __init__(self, given: Mapping[str, Secret], catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._users: dict[str, User] = {}
        self._given = frozenset(given)
        for kind, _, name, _, data in catalog.objects():
            if kind == "user":
                self._users[name] = User(**data)
        for name, secret in given.items():
            self._users[name] = User(name, password_hash(secret.reveal()), ["root"])

    def get(self, name: str) -> User | None:
        """A user."""
        return self._users.get(name)

    def known(self, name: str) -> User:
        """A user.

        Raises:
            ServerError: There is none of this name.
        """
        found = self._users.get(name)
        if found is None:
            raise ServerError(f"cannot find user '{name}'@'%'")
        return found

    def all(self) -> list[User]:
        """All users by name."""
        return sorted(self._users.values(), key=lambda user: user.name)

    def save(self, user: User) -> None:
        """Add a user, or keep what was changed."""
        with self._lock:
            self._users[user.name] = user
            self._catalog.save("user", "", user.name, 0, asdict(user))

    def drop(self, name: str) -> None:
        """Remove a user."""
        with self._lock:
            self._users.pop(name, None)
            self._catalog.forget("user", "", name)

    def drop_added(self) -> None:
        """Remove all users but the first ones."""
        for user in self.all():
            if user.name not in self._given:
                self.drop(user.name)

    def has_password(self, name: str, password: str) -> bool:
        """Whether a user has this password."""
        user = self._users.get(name)
        return user is not None and hmac.compare_digest(user.password, password_hash(password))

    def is_proven(self, name: str, salt: bytes, proof: bytes) -> bool:
        """Whether a client knows a user's password, by `mysql_native_password`."""
        user = self._users.get(name)
        if user is None:
            return False
        if not user.password or not proof:
            return not user.password and not proof
        kept = bytes.fromhex(user.password)
        mask = _sha1(salt + kept)
        if len(proof) != len(mask):
            return False
        first = bytes(a ^ b for a, b in zip(proof, mask, strict=True))
        return hmac.compare_digest(_sha1(first), kept)

    def check(self, name: str, privilege: str, db: str, table: str) -> None:
        """Refuse what a user may not do.

        Raises:
            ServerError: The privilege was not granted.
        """
        user = self._users.get(name)
        if user is None or not user.may(privilege, db, table):
            raise denied(privilege, "TABLE", table)

    def check_admin(self, name: str, what: str) -> None:
        """Refuse an administrator's statement to others.

        Raises:
            ServerError: The user is none.
        """
        user = self._users.get(name)
        if user is None or not user.is_admin:
            raise denied(what, "SYSTEM", "")


def denied(privilege: str, kind: str, name: str) -> ServerError:
    """The error for a privilege that is missing."""
    place = f"{kind} {name}".strip()
    return ServerError(
        f"Access denied; you need (at least one of) the {privilege} privilege(s) on {place} for "
        "this operation. Please ask the admin to grant permission(s) or try activating existing "
        "roles using <set [default] role>. Current role(s): NONE. Inactivated role(s): NONE.",
        status="FAILED",
        errno=5203,
    )


def grants_of(user: User) -> list[list[Any]]:
    """The rows of SHOW GRANTS."""
    identity = f"'{user.name}'@'%'"
    rows: list[list[Any]] = [
        [identity, None, f"GRANT '{role}' TO USER {identity}"] for role in user.roles
    ]
    for privilege, db, table in user.privileges:
        if db == "*":
            place = "ALL TABLES IN ALL DATABASES"
        else:
            place = f"ALL TABLES IN DATABASE {db}" if table == "*" else f"TABLE {db}.{table}"
        rows.append(
            [identity, "default_catalog", f"GRANT {privilege} ON {place} TO USER {identity}"]
        )
    return rows
