"""The Python client for programs outside: ``Client`` speaks REST and repeats what may be repeated."""

from __future__ import annotations

from shem.client.client import Client
from shem.client.errors import TimedOut, Unreachable
from shem.client.retry import Retry

__all__ = ["Client", "Retry", "TimedOut", "Unreachable"]
