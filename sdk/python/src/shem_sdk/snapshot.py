"""An agent's state as bytes that another version of its class can read: the format of manual updates.

A header line of JSON says what follows: the fields of the instance (pickled), or what the class's own
``save_snapshot`` returned. Pickle is safe here because an agent only ever loads what an agent of the same
type saved, through the host. Fields, not the instance, are pickled, so the class may move to another
module.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

MIME_TYPE = "application/vnd.shem.python-snapshot"

_FORMAT = 1


class SnapshotRefused(Exception):
    """A state that cannot be saved or loaded; the message says why."""


def save(type_name: str, instance: Any) -> bytes:
    """The snapshot of an agent.

    Raises:
        SnapshotRefused: a field cannot be pickled, or ``save_snapshot`` returned no bytes.
    """
    own = getattr(instance, "save_snapshot", None)
    if own is None:
        return _header(type_name, "fields") + _pickled(instance.__getstate__())
    payload = own()
    if not isinstance(payload, bytes):
        raise SnapshotRefused(f"save_snapshot returned {type(payload).__name__}, not bytes")
    return _header(type_name, "own") + payload


def type_name_of(snapshot: bytes) -> str:
    """The agent type that a snapshot is of.

    Raises:
        SnapshotRefused: these bytes are no snapshot.
    """
    return str(_read(snapshot)[0]["type"])


def load(cls: type, snapshot: bytes) -> Any:
    """A new instance of ``cls`` with the state of a snapshot; its constructor does not run.

    Raises:
        SnapshotRefused: the snapshot is of another format than the class reads.
    """
    header, payload = _read(snapshot)
    if header["content"] == "own":
        own = getattr(cls, "load_snapshot", None)
        if own is None:
            raise SnapshotRefused(
                f"the snapshot has a format of its own, and {cls.__name__} has no load_snapshot"
            )
        instance = own(payload)
        if not isinstance(instance, cls):
            raise SnapshotRefused(f"load_snapshot returned {type(instance).__name__}, not {cls.__name__}")
        return instance
    instance = object.__new__(cls)
    _set_state(instance, pickle.loads(payload))
    return instance


def _header(type_name: str, content: str) -> bytes:
    return json.dumps({"format": _FORMAT, "type": type_name, "content": content}).encode() + b"\n"


def _read(snapshot: bytes) -> tuple[dict[str, Any], bytes]:
    line, _, payload = snapshot.partition(b"\n")
    try:
        header = json.loads(line)
        known = header["format"] == _FORMAT and header["content"] in ("fields", "own") and "type" in header
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotRefused("these bytes are no snapshot of a Python agent") from error
    if not known:
        raise SnapshotRefused(f"the snapshot has format {header['format']!r}, which this SDK does not read")
    return header, payload


def _pickled(state: Any) -> bytes:
    try:
        return pickle.dumps(state, protocol=5)
    except Exception as error:
        fields = state if isinstance(state, dict) else {}
        guilty = next((repr(name) for name, value in fields.items() if not _can_be_pickled(value)), "a field")
        raise SnapshotRefused(
            f"{guilty} cannot be saved: {error}; write save_snapshot and load_snapshot"
        ) from error


def _can_be_pickled(value: object) -> bool:
    try:
        pickle.dumps(value, protocol=5)
    except Exception:  # noqa: BLE001  # pickling runs __reduce__ of users, which may raise anything
        return False
    return True


def _set_state(instance: Any, state: Any) -> None:
    """As ``object.__getstate__`` gives it: None, a dict, or a pair of dict and slots."""
    if hasattr(instance, "__setstate__"):
        instance.__setstate__(state)
        return
    fields, slots = state if isinstance(state, tuple) else (state, None)
    if fields:
        vars(instance).update(fields)
    for name, value in (slots or {}).items():
        setattr(instance, name, value)
