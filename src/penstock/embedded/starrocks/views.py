"""Views: a name for a query, kept as DuckDB's view over the tables."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.sql_names import quoted

if TYPE_CHECKING:
    from penstock.embedded.starrocks.store import Store


@dataclass(slots=True)
class ViewDef:
    """A view; `text` is its query in StarRocks' words, `columns` are names given to its columns."""

    db: str
    name: str
    text: str
    columns: list[str] = field(default_factory=list)
    comment: str = ""
    view_id: int = 0
    created_ms: int = 0

    @property
    def physical(self) -> str:
        """DuckDB's name of the view."""
        return f"main.{quoted(f'v{self.view_id}')}"


class Views:
    """All views; safe for use from many threads.

    Args:
        store: Where their tables are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._views: dict[tuple[str, str], ViewDef] = {}
        for kind, db, name, _, data in store.catalog.objects():
            if kind == "view":
                self._views[db, name] = ViewDef(**data)

    def get(self, db: str, name: str) -> ViewDef | None:
        """A view."""
        return self._views.get((db, name))

    def all(self, db: str = "") -> list[ViewDef]:
        """The views of a database, or of all, by name."""
        found = [view for view in self._views.values() if db in ("", view.db)]
        return sorted(found, key=lambda view: (view.db, view.name))

    def save(self, view: ViewDef, query: str, *, replaces: bool) -> None:
        """Make a view, or put it in the place of the one of its name.

        Args:
            view: The view; its id is filled.
            query: Its query for DuckDB.
            replaces: Whether a view of the name may be there.

        Raises:
            ServerError: The name is taken, or the query is not one of a view.
        """
        key = view.db, view.name
        with self._lock:
            present = self._views.get(key)
            if self._store.has_table(*key) or (present is not None and not replaces):
                raise ServerError(f"Table '{view.name}' already exists", errno=1050)
            view.view_id = present.view_id if present else self._store.new_object_id()
            view.created_ms = self._store.clock.now_ms()
            names = f" ({', '.join(map(quoted, view.columns))})" if view.columns else ""
            self._store.execute(f"CREATE OR REPLACE VIEW {view.physical}{names} AS {query}")
            self._store.catalog.save("view", *key, view.view_id, asdict(view))
            self._views[key] = view

    def drop(self, db: str, name: str) -> None:
        """Drop a view that exists."""
        with self._lock:
            view = self._views.pop((db, name))
            self._store.execute(f"DROP VIEW IF EXISTS {view.physical}")
            self._store.catalog.forget("view", db, name)

    def drop_all(self, db: str) -> None:
        """Drop the views of a database."""
        for view in self.all(db):
            self.drop(db, view.name)
