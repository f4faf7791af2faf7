"""A server as it was when it started, between two tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.embedded.starrocks.faults import Faults
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users


def reset(transactions: Transactions, users: Users, faults: Faults) -> None:
    """Drop all databases and added users, abort what runs, restore settings, clear faults.

    Ids go on counting, so that nothing of before is taken for something of after.
    """
    store = transactions.store
    faults.clear()
    store.config.restore()
    store.frontend_config.restore()
    for record in transactions.running():
        found = transactions.find(record.db, record.label)
        if found is not None:
            transactions.abort(found, "the server was reset")
    for database in store.databases():
        store.drop_database(database.name, if_exists=True)
    store.load_history.clear()
    users.drop_added()
