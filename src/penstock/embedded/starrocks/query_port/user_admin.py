"""CREATE, ALTER and DROP USER, GRANT, REVOKE, SET PASSWORD, SHOW GRANTS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.embedded.starrocks.dialect.failure import QueryError, analysis_error
from penstock.embedded.starrocks.query_port.results import Done, text_rows
from penstock.embedded.starrocks.users import (
    ADMIN_ROLES,
    TABLE_PRIVILEGES,
    User,
    grants_of,
    password_hash,
)

if TYPE_CHECKING:
    from penstock.embedded.starrocks.dialect.lexer import Cursor
    from penstock.embedded.starrocks.query_port.queries import Queries
    from penstock.embedded.starrocks.query_port.results import Rows


def _identity(cursor: Cursor) -> str:
    """`'name'@'host'`; the host is any."""
    token = cursor.advance()
    name, at, _ = token.value.partition("@") if token.kind == "word" else (token.value, "", "")
    if at and not token.value.endswith("@"):
        return name
    if cursor.token.kind == "word" and cursor.token.value.startswith("@"):
        has_host = cursor.advance().value != "@"
        at = "" if has_host else "@"
    if at:
        cursor.advance()
    return name


def _password(cursor: Cursor) -> str:
    """`BY 'x'`, `WITH mysql_native_password BY | AS 'x'`, as it is kept."""
    if cursor.accept("WITH"):
        plugin = cursor.advance().value.lower()
        if plugin != "mysql_native_password":
            raise analysis_error(f"Cannot find security plugin '{plugin}'")
        if not (cursor.peeks("BY") or cursor.peeks("AS")):
            return ""
    if cursor.accept("AS") or cursor.accept("BY", "PASSWORD"):
        return cursor.string().lstrip("*").lower()
    cursor.expect("BY")
    return password_hash(cursor.string())


def create_user(queries: Queries, cursor: Cursor) -> Done:
    """CREATE USER, cursor behind it."""
    queries.users.check_admin(queries.user, "GRANT")
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = _identity(cursor)
    if queries.users.get(name) is not None:
        if if_not_exists:
            return Done()
        raise QueryError(
            f"Operation CREATE USER failed for '{name}'@'%' : user already exists", 1396
        )
    user = User(name, _password(cursor) if cursor.accept("IDENTIFIED") else "")
    if cursor.accept("DEFAULT", "ROLE"):
        user.roles.append(cursor.advance().value)
    queries.users.save(user)
    return Done()


def alter_user(queries: Queries, cursor: Cursor) -> Done:
    """ALTER USER, cursor behind it."""
    cursor.accept("IF", "EXISTS")
    user = queries.users.known(_identity(cursor))
    if user.name != queries.user:
        queries.users.check_admin(queries.user, "GRANT")
    cursor.expect("IDENTIFIED")
    user.password = _password(cursor)
    queries.users.save(user)
    return Done()


def drop_user(queries: Queries, cursor: Cursor) -> Done:
    """DROP USER, cursor behind it."""
    queries.users.check_admin(queries.user, "GRANT")
    if_exists = cursor.accept("IF", "EXISTS")
    name = _identity(cursor)
    if not if_exists:
        queries.users.known(name)
    queries.users.drop(name)
    return Done()


def set_password(queries: Queries, cursor: Cursor) -> Done:
    """SET PASSWORD [FOR user] = PASSWORD('x'), cursor behind PASSWORD."""
    user = queries.users.known(_identity(cursor) if cursor.accept("FOR") else queries.user)
    if user.name != queries.user:
        queries.users.check_admin(queries.user, "GRANT")
    cursor.expect("=")
    if cursor.accept("PASSWORD"):
        cursor.expect("(")
        user.password = password_hash(cursor.string())
        cursor.expect(")")
    else:
        user.password = cursor.string().lstrip("*").lower()
    queries.users.save(user)
    return Done()


def grant(queries: Queries, cursor: Cursor) -> Done:
    """GRANT of a role or of privileges, cursor behind GRANT."""
    return _change(queries, cursor, "TO", is_grant=True)


def revoke(queries: Queries, cursor: Cursor) -> Done:
    """REVOKE of a role or of privileges, cursor behind REVOKE."""
    return _change(queries, cursor, "FROM", is_grant=False)


def _change(queries: Queries, cursor: Cursor, word: str, *, is_grant: bool) -> Done:
    queries.users.check_admin(queries.user, "GRANT")
    names = [_privilege(cursor)]
    while cursor.accept(","):
        names.append(_privilege(cursor))
    where = _place(queries, cursor) if cursor.accept("ON") else None
    cursor.expect(word)
    cursor.accept("USER")
    user = queries.users.known(_identity(cursor))
    for name in names:
        if where is None:
            _toggle(user.roles, _role(name), is_grant=is_grant)
            continue
        if name not in (*TABLE_PRIVILEGES, "ALL"):
            raise analysis_error(f"privilege {name} is not known in the embedded server")
        _toggle(user.privileges, [name, *where], is_grant=is_grant)
    queries.users.save(user)
    return Done()


def _toggle(listed: list[Any], item: Any, *, is_grant: bool) -> None:
    if is_grant and item not in listed:
        listed.append(item)
    elif not is_grant and item in listed:
        listed.remove(item)


def _privilege(cursor: Cursor) -> str:
    name = cursor.advance().value.upper()
    if name == "ALL":
        cursor.accept("PRIVILEGES")
    return name


def _role(name: str) -> str:
    if name.lower() not in ADMIN_ROLES:
        raise analysis_error(f"cannot find role {name.lower()}")
    return name.lower()


def _place(queries: Queries, cursor: Cursor) -> tuple[str, str]:
    """The object of a privilege as database and table."""
    if cursor.accept("ALL", "TABLES", "IN", "ALL", "DATABASES"):
        return "*", "*"
    if cursor.accept("ALL", "TABLES", "IN", "DATABASE"):
        return cursor.name(), "*"
    cursor.accept("TABLE")
    if cursor.accept("*"):
        if cursor.accept("."):
            cursor.expect("*")
        return "*", "*"
    first = cursor.name()
    if not cursor.accept("."):
        return queries.database_or_current(""), first
    return (first, "*") if cursor.accept("*") else (first, cursor.name())


def show_grants(queries: Queries, cursor: Cursor) -> Rows:
    """SHOW GRANTS [FOR user | CURRENT_USER()]."""
    name = queries.user
    if cursor.accept("FOR"):
        if cursor.accept("CURRENT_USER"):
            if cursor.peeks("("):
                cursor.group()
        else:
            name = _identity(cursor)
    if name != queries.user:
        queries.users.check_admin(queries.user, "GRANT")
    rows = grants_of(queries.users.known(name))
    return text_rows(["UserIdentity", "Catalog", "Grants"], rows)


def show_users(queries: Queries, _cursor: Cursor) -> Rows:
    """SHOW USERS."""
    queries.users.check_admin(queries.user, "GRANT")
    return text_rows(["User"], [[f"'{user.name}'@'%'"] for user in queries.users.all()])
