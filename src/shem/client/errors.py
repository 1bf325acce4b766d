"""What goes wrong on the way to the server; what the server answers is one of ``shem.errors``."""

from __future__ import annotations

from shem.errors import PlatformError


class Unreachable(PlatformError):
    """No server answered, for as long as the client was willing to try."""

    code = "unreachable"
    status = 503
    retryable = True


class TimedOut(PlatformError):
    """The server took the request and gave no answer in time; what was asked may still happen."""

    code = "timeout"
    status = 504
    retryable = True


class UnexpectedAnswer(PlatformError):
    """Something answered that is not a Shem server, or one of another age."""

    code = "unexpected-answer"
    status = 502
