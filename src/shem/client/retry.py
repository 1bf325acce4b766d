"""When a request is sent again: pure arithmetic, no clock and no socket."""

from __future__ import annotations

import msgspec

RETRY_AFTER_MAX_S = 60.0
"""A server that asks for longer is not waited for; the caller is told instead."""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often a request is repeated.

    Attributes:
        budget_s: after this long no new attempt starts; 30 s outlive a restart of the server.
        first_contact_s: the same as long as no server was ever reached. Waiting long for one that was never
            started helps nobody; a second is enough for one that starts at the same time.
        first_ms: the wait after the first failure, doubled after each further one.
        longest_ms: the bound of that doubling.
        jitter: the share of each wait that is left to chance, so that clients do not come back all at once.
    """

    budget_s: float = 30.0
    first_contact_s: float = 1.0
    first_ms: float = 50.0
    longest_ms: float = 2_000.0
    jitter: float = 0.5

    def wait_s(
        self, failures: int, elapsed_s: float, *, asked_s: float | None, chance: float, met: bool
    ) -> float | None:
        """Seconds until the next attempt; None to give up.

        Args:
            failures: attempts so far, all failed; at least 1.
            elapsed_s: since the first attempt.
            asked_s: what the server's Retry-After says.
            chance: from 0 to 1.
            met: whether this client ever got an answer.
        """
        if asked_s is not None and asked_s > RETRY_AFTER_MAX_S:
            return None
        doubled_ms = self.first_ms * 2.0 ** min(failures - 1, 32)
        own_s = min(doubled_ms, self.longest_ms) / 1000 * (1 - self.jitter * chance)
        wait_s = max(own_s, asked_s or 0.0)
        budget_s = self.budget_s if met else min(self.budget_s, self.first_contact_s)
        return wait_s if elapsed_s + wait_s <= budget_s else None
