"""`mysql_native_password`: checks what a client proves without sending the password."""

from __future__ import annotations

import hashlib
import secrets


def new_salt() -> bytes:
    """Twenty random bytes without a zero."""
    return bytes(secrets.choice(range(1, 128)) for _ in range(20))


def native_proof(password: str, salt: bytes) -> bytes:
    """What a client that knows the password answers; empty for an empty password."""
    if not password:
        return b""
    first = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    second = hashlib.sha1(first, usedforsecurity=False).digest()
    mask = hashlib.sha1(salt + second, usedforsecurity=False).digest()
    return bytes(a ^ b for a, b in zip(first, mask, strict=True))
