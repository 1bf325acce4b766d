"""One agent's oplog as its execution goes through it: recorded entries to feed back, then new ones to write.

This file decides what replay is. A journal is in *replay* while recorded entries are left and *live* from then on;
it never goes back. In replay each thing that the guest does is matched with the next entry:

- it calls a host function: the entry must be that ``HostCall`` with the same request, and its response is handed out;
- it finishes an invocation: the entry must be ``AgentInvocationFinished`` with the same result;
- it does anything else: the first difference is a ``Divergence`` that names the index and both sides. Nothing is
  written after it.

*Hints* are entries that tell people what happened but that the guest did not observe: log lines, restarts, errors. They
are skipped by the matching. A log line that the guest writes again in replay takes back the recorded one where there is
one and is otherwise dropped, so that a line is in the oplog once however often it is replayed, and a version that
logs differently does not diverge.

Between the last recorded host call and the first new one there is no gap to get wrong: what is left of a recorded
invocation when the entries run out is simply executed live. That is how an invocation that a crash interrupted ends.

The journal is pure: time, storage and encoding are its owner's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from shem.errors import Divergence
from shem.oplog import payload
from shem.oplog.entries import (
    AgentInvocationFinished,
    AgentInvocationStarted,
    Create,
    Entry,
    HostCall,
    Log,
)
from shem.oplog.payload import Payload

SHOWN_CHARACTERS = 200
"""How much of a request or result a divergence report shows of each side."""


class Journal:
    """Feed back, then write.

    Args:
        recorded: (index, entry) in order, read lazily: a long history is never in memory as a whole.
        end: index of the last recorded entry, 0 for a new agent.
    """

    def __init__(self, recorded: Iterable[tuple[int, Entry]] = (), *, end: int = 0) -> None:
        self._recorded: Iterator[tuple[int, Entry]] = iter(recorded)
        self._logs: deque[Log] = deque()  # recorded log lines before the head
        self._head: tuple[int, Entry] | None = None
        self._end = end
        self._unwritten: list[Entry] = []
        self._advance()

    @property
    def is_live(self) -> bool:
        return self._head is None

    @property
    def end(self) -> int:
        """Index of the last entry, written or not."""
        return self._end

    @property
    def unwritten(self) -> int:
        """How many entries ``drain`` would return."""
        return len(self._unwritten)

    def append(self, entry: Entry) -> int:
        """Add an entry (live only) and return its index."""
        assert self._head is None, "a journal in replay writes nothing"
        if not isinstance(entry, Log):
            self._logs.clear()
        self._unwritten.append(entry)
        self._end += 1
        return self._end

    def drain(self) -> tuple[int, list[Entry]]:
        """Take the entries that are not written yet, with the index of the first."""
        entries, self._unwritten = self._unwritten, []
        return self._end - len(entries) + 1, entries

    def feed_create(self) -> Create:
        """The first entry of every oplog."""
        index, entry = self._expect("the creation of the agent")
        if not isinstance(entry, Create):
            raise Divergence(index, _say(entry), "the creation of the agent")
        self._advance()
        return entry

    def feed_started(self) -> tuple[int, AgentInvocationStarted] | None:
        """The next recorded invocation, with its index; None when all are fed. Called while the agent is at rest."""
        if self._head is None:
            return None
        index, entry = self._head
        if not isinstance(entry, AgentInvocationStarted):
            raise Divergence(index, _say(entry), "the end of the invocation")
        self._advance()
        return index, entry

    def feed_call(self, function: str, request: Payload) -> HostCall | None:
        """The recorded answer to a host call; None when live.

        Raises:
            Divergence: the next entry is something else.
        """
        if self._head is None:
            return None
        index, entry = self._head
        if not isinstance(entry, HostCall) or entry.function != function or entry.request != request:
            raise Divergence(index, _say(entry), _call(function, request))
        self._advance()
        return entry

    def feed_finished(self, result: Payload) -> AgentInvocationFinished | None:
        """Compare the result of an invocation with the recorded one; None when live: the caller writes it then."""
        if self._head is None:
            return None
        index, entry = self._head
        if not isinstance(entry, AgentInvocationFinished) or entry.result != result:
            raise Divergence(index, _say(entry), f"the invocation ended with {_shown(result)}")
        self._advance()
        return entry

    def feed_crash(self, how: str) -> None:
        """The guest ended in the middle of an invocation; in replay, where the records go on, that diverges."""
        if self._head is not None:
            index, entry = self._head
            raise Divergence(index, _say(entry), f"the guest ended: {how}")

    def feed_log(self) -> bool:
        """Whether a log line that the guest writes now needs no entry."""
        if self._logs:
            self._logs.popleft()
            return True
        return self._head is not None

    def _expect(self, what: str) -> tuple[int, Entry]:
        if self._head is None:
            raise Divergence(self._end + 1, "the end of the oplog", what)
        return self._head

    def _advance(self) -> None:
        # Log lines directly before the head may be taken back by the guest until it goes past the head.
        if self._head is not None:
            self._logs.clear()
        for index, entry in self._recorded:
            if isinstance(entry, Log):
                self._logs.append(entry)
            elif isinstance(entry, HostCall | AgentInvocationStarted | AgentInvocationFinished | Create):
                self._head = index, entry
                return
        self._head = None


def _say(entry: Entry) -> str:
    match entry:
        case HostCall():
            return _call(entry.function, entry.request)
        case AgentInvocationFinished():
            return f"the invocation ended with {_shown(entry.result)}"
        case AgentInvocationStarted():
            return f"the start of {entry.method or 'the constructor'}"
        case _:
            return f"a {entry.kind} entry"


def _call(function: str, request: Payload) -> str:
    return f"a call of {function}({'' if request == payload.NOTHING else _shown(request)})"


def _shown(value: Payload) -> str:
    if not isinstance(value, bytes):
        return f"{value.size} bytes with hash {value.hash[:12]}"
    decoded: Any = payload.decode(value)
    text = repr(decoded)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
