"""One request to the server, repeated where that is safe; the answer as bytes or an error of ``shem.errors``.

What may be repeated after what:

- The connection was never made, or the server refused because it is busy, starts or stops: any request.
- The connection was lost before the answer came: only a request that does the same when done twice.

A DELETE whose answer was lost and that then finds nothing has succeeded the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from shem.client.errors import TimedOut, UnexpectedAnswer, Unreachable
from shem.client.retry import Retry
from shem.clock import Clock
from shem.errors import BadInput, NotFound, ShemError, StorageUnavailable
from shem.problems import from_problem


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt without success; ``harmless`` when surely nothing happened, ``asked_s`` is Retry-After."""

    error: ShemError
    harmless: bool
    asked_s: float | None = None


class Transport:
    """Requests to one server over kept connections. May be shared by threads.

    Args:
        url: where the server is, without a path.
        timeout_s: for an answer to begin, from when the request was sent; None waits as long as it takes.
        http: the port to the network; tests give their own.
        sleep: waits so many seconds.
        chance: a number from 0 to 1, for jitter.

    Raises:
        BadInput: ``url`` is not the address of a server.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float | None,
        retry: Retry,
        http: httpx.BaseTransport | None,
        clock: Clock,
        sleep: Callable[[float], None],
        chance: Callable[[], float],
    ) -> None:
        self._url = url
        self._retry = retry
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._met = False
        timeout = httpx.Timeout(timeout_s, connect=5.0, pool=None)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        try:
            self._http = httpx.Client(
                base_url=url,
                timeout=timeout,
                limits=limits,
                transport=http,
                # Reading the machine's certificates takes longer than most requests; plain HTTP needs none.
                verify=url.startswith("https:"),
            )
        except httpx.InvalidURL as error:
            raise _no_address(url, str(error)) from None
        if self._http.base_url.scheme not in ("http", "https"):
            raise _no_address(url, "it does not begin with http:// or https://")

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, path: str, *, repeatable: bool, **how: Any) -> bytes:
        """The body of a successful answer.

        Args:
            repeatable: doing it twice is the same as doing it once.
            how: what ``httpx`` takes: ``params``, ``headers``, ``content``, ``files``.

        Raises:
            Unreachable: no server there.
            TimedOut: no answer in time.
            UnexpectedAnswer: an answer that is not Shem's.
            ShemError: what the server answered.
        """
        started_ns = self._clock.monotonic_ns()
        failures, unsure = 0, False
        while True:
            try:
                answer = self._attempt(method, path, how)
            except NotFound:
                if unsure and method == "DELETE":
                    return b""
                raise
            if isinstance(answer, bytes):
                return answer
            failures += 1
            unsure = unsure or not answer.harmless
            wait_s = self._retry.wait_s(
                failures,
                (self._clock.monotonic_ns() - started_ns) / 1e9,
                asked_s=answer.asked_s,
                chance=self._chance(),
                met=self._met,
            )
            if wait_s is None or not (answer.harmless or repeatable):
                raise answer.error
            self._sleep(wait_s)

    def _attempt(self, method: str, path: str, how: dict[str, Any]) -> bytes | _Failure:
        """The answer, or a failure that another attempt may mend; raises what none can."""
        try:
            response = self._http.request(method, path, **how)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return _Failure(_unreachable(self._url, error), harmless=True)
        except httpx.TimeoutException:
            raise TimedOut(
                f"the server at {self._url} gave no answer in time",
                hint="Repeat the request with the same idempotency key to get its one result.",
            ) from None
        except httpx.TransportError as error:
            return _Failure(_unreachable(self._url, error), harmless=False)
        self._met = True
        if response.is_success:
            return response.content
        refusal = _error(response)
        if refusal.retryable:
            harmless = refusal.code != StorageUnavailable.code
            return _Failure(refusal, harmless=harmless, asked_s=_retry_after_s(response))
        raise refusal


def _no_address(url: str, reason: str) -> BadInput:
    return BadInput(
        f"{url!r} is not the address of a server: {reason}", hint="It looks like http://127.0.0.1:8421."
    )


def _unreachable(url: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"no server answers at {url}: {str(error) or type(error).__name__}",
        hint="Start one with `shem server run`, or name another with --server.",
    )


def _error(response: httpx.Response) -> ShemError:
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        try:
            problem = msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError:
            pass
        else:
            return from_problem(problem, response.status_code)
    return UnexpectedAnswer(
        f"{response.request.url} answered {response.status_code} in a way that is not Shem's",
        hint="Is this the address of a Shem server?",
    )


def _retry_after_s(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
