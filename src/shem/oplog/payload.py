"""Values inside entries: how they become bytes, and where large ones are kept.

Values are plain: None, bool, int (64 bits), float, str, bytes, list, tuple, set, dict, and ``Some``. Their
bytes are msgpack, canonical in this sense: values that are equal and have their dict keys in the same order
give the same bytes in every process, so that replay compares requests and results without decoding them. What
comes back has lists for tuples and (sorted) for sets; everything else, NaN and the order of dict keys
included, is as it was.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from shem.errors import StorageCorrupt
from shem.oplog.entries import External, Payload
from shem.storage.protocol import BlobStore
from shem.wasm.types import Some

__all__ = ["INLINE_MAX_BYTES", "NOTHING", "External", "Payload", "decode", "encode", "load", "store"]

INLINE_MAX_BYTES: Final = 64 * 1024
"""A payload above this is kept in the blob store. Rows stay small enough for a group commit of many agents,
and equal large payloads (the same file sent twice) are stored once."""

SOME_CODE: Final = 1
"""The msgpack extension type of ``Some``: its data is the encoded inner value. Stored: it never changes."""

_LEAVES: Final = frozenset({type(None), bool, int, float, str, bytes, bytearray, memoryview})


def encode(value: object) -> bytes:
    """The bytes of a plain value.

    Raises:
        TypeError: the value holds something that is not plain: a host function that is written wrongly.
    """
    return _encoder.encode(_plain(value))


def decode(data: bytes) -> Any:
    """The value of such bytes.

    Raises:
        StorageCorrupt: they are not what ``encode`` makes.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StorageCorrupt(f"a payload of {len(data)} bytes cannot be read: {error}") from error


def store(data: bytes, blobs: BlobStore) -> Payload:
    """What an entry holds for these bytes; large ones are durable in the blob store when this returns."""
    if len(data) <= INLINE_MAX_BYTES:
        return data
    return External(blobs.put(data), len(data))


def load(payload: Payload, blobs: BlobStore) -> bytes:
    """The bytes again.

    Raises:
        StorageCorrupt: the blob store gives other bytes than were stored.
        NotFound: it has none.
    """
    if isinstance(payload, bytes):
        return payload
    data = blobs.get(payload.hash)
    if len(data) != payload.size:
        raise StorageCorrupt(f"blob {payload.hash} has {len(data)} bytes, the oplog expects {payload.size}")
    return data


def _plain(value: Any) -> Any:
    """The value as msgpack can hold it: sets as sorted lists, ``Some`` as an extension.

    It is the value itself where there is neither in it. The order of a set of strings differs from process
    to process, that of everything else is the program's own.
    """
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is list or kind is tuple:
        for position, item in enumerate(value):
            if type(item) not in _LEAVES and (changed := _plain(item)) is not item:
                return [*value[:position], changed, *map(_plain, value[position + 1 :])]
        return value
    if kind is dict:
        for item in value.values():
            if type(item) not in _LEAVES and _plain(item) is not item:
                return {key: _plain(item) for key, item in value.items()}
        return value
    if kind is frozenset or kind is set:
        return sorted(value)
    if kind is Some:
        return msgspec.msgpack.Ext(SOME_CODE, encode(value.value))
    raise TypeError(f"a {kind.__name__} cannot be recorded")


def _decode_extension(code: int, data: memoryview) -> object:
    if code == SOME_CODE:
        return Some(_decoder.decode(data))
    raise msgspec.DecodeError(f"unknown extension type {code}")


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(ext_hook=_decode_extension)

NOTHING: Final = encode(())
"""The payload of a host call without arguments."""
