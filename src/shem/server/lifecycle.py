"""Where the server stands between its start and its end: recovering, ready, stopping."""

from __future__ import annotations

from shem.errors import Starting, Stopping


class Lifecycle:
    """Lets work in only while the server is ready. One direction: recovering, ready, stopping."""

    def __init__(self, *, ready: bool = False) -> None:
        self._ready = ready
        self._stopping = False

    def recovered(self) -> None:
        """Recovery is done: work may come."""
        self._ready = True

    def stop(self) -> None:
        """No new work from now on."""
        self._stopping = True

    @property
    def ready(self) -> bool:
        return self._ready and not self._stopping

    def admit(self) -> None:
        """Raises ``Starting`` or ``Stopping`` where a request for work must be refused."""
        if self.ready:
            return
        if self._stopping:
            raise Stopping(
                "the server is shutting down",
                hint="Repeat the request with the same idempotency key once it is back.",
            )
        raise Starting("the server recovers its agents", hint="Repeat the request in a moment.")
