"""Errors as they cross the wire: RFC 9457 problem documents, both directions side by side.

A problem document is ``{"type", "title", "status", "code", "detail", "hint", ...details}``.
``code`` decides which class the error has on the other side; a client that meets the code of a newer server
falls back to the status.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shem.errors import CallerError, Divergence, GuestError, PlatformError, ShemError

_RESERVED = frozenset({"type", "title", "status", "code", "detail", "hint"})
_PREFIX = "error_"

_RETRY_AFTER_S = {
    # Long enough to free a queue slot, short enough that a waiting caller does not notice.
    "overloaded": 1,
    # Recovery and a restart take about a second.
    "starting": 1,
    "stopping": 1,
    "storage-unavailable": 2,
    # Space returns when a person or a log rotation makes it.
    "storage-full": 5,
}


def retry_after_s(error: ShemError) -> int | None:
    """Seconds after which repeating the request may help; None where it does not."""
    if not error.retryable:
        return None
    return _RETRY_AFTER_S.get(error.code, 1)


def to_problem(error: ShemError) -> dict[str, Any]:
    """The problem document of an error.

    A detail named as a member of RFC 9457 is (an agent error's ``type``) appears with the prefix ``error_``.
    """
    problem: dict[str, Any] = {
        "type": f"urn:shem:error:{error.code}",
        "title": error.code.replace("-", " ").capitalize(),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
    }
    if error.hint is not None:
        problem["hint"] = error.hint
    for name, value in error.details.items():
        problem[_PREFIX + name if name in _RESERVED else name] = value
    return problem


def from_problem(problem: dict[str, Any], status: int) -> ShemError:
    """The error that a problem document describes; ``status`` is that of the answer that carried it."""
    details = {
        _plain(name): value
        for name, value in problem.items()
        if name not in _RESERVED and isinstance(name, str)
    }
    message = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    code = problem.get("code")
    kind = _BY_CODE.get(code) if isinstance(code, str) else None
    if kind is Divergence and {"index", "expected", "got"} <= details.keys():
        return Divergence(details["index"], details["expected"], details["got"])
    error = _make(kind or _by_status(status), message, problem.get("hint"), details)
    if kind is None:
        error.code = code if isinstance(code, str) else error.code  # type: ignore[misc]  # the server's word, kept
        error.status = status  # type: ignore[misc]  # likewise: this one instance stands for an unknown class
    return error


def _make(kind: type[ShemError], message: str, hint: object, details: dict[str, Any]) -> ShemError:
    error = ShemError.__new__(kind)
    ShemError.__init__(error, message, hint=hint if isinstance(hint, str) else None)
    error.details = details
    return error


def _plain(name: str) -> str:
    rest = name.removeprefix(_PREFIX)
    return rest if rest in _RESERVED else name


def _by_status(status: int) -> type[ShemError]:
    if status == 422:
        return GuestError
    return CallerError if 400 <= status < 500 else PlatformError


def _tree(kind: type[ShemError]) -> Iterator[type[ShemError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


_BY_CODE = {kind.code: kind for kind in _tree(ShemError)}
