"""Compressed bodies."""

from __future__ import annotations

import zlib

import pyarrow as pa

from penstock.embedded.starrocks.model import ServerError

_CODECS = {
    "lz4": "lz4",
    "lz4_frame": "lz4",
    "gzip": "gzip",
    "gz": "gzip",
    "zstd": "zstd",
    "bzip2": "bz2",
    "bz2": "bz2",
}


def is_codec(name: str) -> bool:
    """Whether `decompress` knows the name."""
    return name in _CODECS or name == "deflate"


def decompress(body: bytes, codec: str) -> bytes:
    """The plain bytes of a body."""
    if not codec:
        return body
    try:
        if codec == "deflate":
            return _inflate(body)
        with pa.CompressedInputStream(pa.BufferReader(body), _CODECS[codec]) as stream:
            return bytes(stream.read())
    except (OSError, zlib.error, pa.ArrowException) as error:
        raise ServerError(f"cannot decompress the body as {codec}: {error}") from error


def _inflate(body: bytes) -> bytes:
    """Deflate with the header of zlib, or without."""
    try:
        return zlib.decompress(body)
    except zlib.error:
        return zlib.decompress(body, -zlib.MAX_WBITS)
