"""A live instance of a component: call it, interrupt it, capture it.

An instance runs one call at a time, on any thread. It lives in four states: ready, running, poisoned (a
call ended by a trap or by a host function's exception, so the guest was left in the middle of something)
and closed. Only a ready one can be called or captured.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .component import Linked
from .errors import Interrupted, Poisoned, WasmError
from .image import Image
from .machine import Machine
from .stack import run_guest
from .types import ResourceType


class Instance:
    """Made by ``Linked.instantiate``."""

    def __init__(
        self, linked: Linked, context: Any, image: Image | None, *, starting: Any, max_memory_bytes: int
    ) -> None:
        self._linked = linked
        self._running = threading.Lock()
        self._poisoned = False
        self._closed = False
        destroy = _held_destructor(weakref.ref(self))  # or the open store would keep the instance for ever
        first = context if starting is None else starting
        self._machine = Machine(linked, first, destroy, max_memory_bytes=max_memory_bytes)
        try:
            self._run(self._begin, context, image)
        except BaseException:
            with suppress(WasmError):  # where it still runs, whoever lets go of it last will close it
                self.close()
            raise

    def _begin(self, context: Any, image: Image | None) -> None:
        self._machine.start()
        self._machine.context = context
        if image is not None:
            image.bring_back(self._machine)

    @property
    def poisoned(self) -> bool:
        """Whether a call ended in the middle of the guest."""
        return self._poisoned

    def call(self, interface: str, name: str, *args: Any) -> Any:
        """Call an export.

        Args:
            interface: its full name with version; ``""`` for a function at the root level.
            name: as in WIT.
            args: as ``types`` maps them.

        Raises:
            ValueMismatch: an argument does not fit; nothing has happened.
            Trap: the guest stopped (``Interrupted`` when because of ``interrupt``).
            Poisoned: a call before has ended so.
            WasmError: there is no such export, or the instance is closed or running.
            BaseException: whatever a host function raised, that very exception.
        """
        return self.function(interface, name)(*args)

    def function(self, interface: str, name: str) -> Callable[..., Any]:
        """An export as a Python function; see ``call``.

        Raises:
            WasmError: there is no such export.
        """
        callee = self._linked.callees.get(interface, {}).get(name)
        if callee is None:
            raise WasmError(
                f"the component exports no function {f'{interface}#{name}' if interface else name}"
            )
        check, run = callee.check, functools.partial(callee.run, self._machine)

        def call(*args: Any) -> Any:
            check(args)
            return self._run(run, args)

        return call

    def _run(self, run: Callable[..., Any], *args: Any) -> Any:
        """Run guest code on a thread that has the stack for it."""
        return run_guest(functools.partial(self._run_here, run, args), self.interrupt)

    def _run_here(self, run: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run guest code, and decide what it means when it does not come to its end.

        The thread that runs the guest holds ``_running``: nothing that happens to a thread that waits for it
        can close the instance meanwhile.
        """
        machine = self._machine
        with self._ready():
            try:
                if machine.stopping:
                    raise Interrupted("interrupted by the host", kind="interrupt")
                return run(*args)
            except BaseException as error:  # noqa: BLE001 - raised below, outside of this handler
                self._poisoned = True
                failure = machine.failure or error
                machine.failure = None
        raise failure

    @contextmanager
    def _ready(self) -> Iterator[None]:
        if not self._running.acquire(blocking=False):
            raise WasmError("the instance is running a call; it runs one at a time")
        try:
            if self._closed:
                raise WasmError("the instance is closed")
            if self._poisoned:
                raise Poisoned("the instance trapped in a call before; make a new one")
            yield
        finally:
            self._running.release()

    def capture(self, world: Any = None) -> Image:
        """Put the instance away as it stands, between two calls.

        Args:
            world: plain data of the host to keep with it, found again as ``Image.world``.

        Raises:
            NotCapturable: something of it cannot be put away now; names what. The instance goes on.
            Poisoned, WasmError: it is not ready.
        """
        with self._ready():
            return Image.of(self._machine, world)

    def interrupt(self) -> None:
        """Stop the call that runs, or else the next one, with ``Interrupted``. From any thread.

        A guest in a loop stops within milliseconds; a host function is left to finish first.
        """
        self._machine.stopping = True
        self._machine.store.interrupt()

    def close(self) -> None:
        """Free the memory and everything else. Closing twice is allowed.

        Raises:
            WasmError: a call runs.
        """
        if not self._running.acquire(blocking=False):
            raise WasmError("the instance is running a call; interrupt it before closing")
        try:
            if not self._closed:
                self._closed = True
                self._machine.close()
        finally:
            self._running.release()

    def __enter__(self) -> Instance:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and hasattr(self, "_machine"):
            self._machine.close()


def _held_destructor(instance: weakref.ref[Instance]) -> Callable[[ResourceType, int], None]:
    """What runs the destructor of a guest's resource that the host holds; nothing when the guest is gone."""

    def destroy(resource: ResourceType, representation: int) -> None:
        owner = instance()
        if owner is not None:
            owner._run(owner._machine.destroy, resource, representation, None)

    return destroy
