"""Writers of values that have others inside, from the writers of those (see ``json_to_wit``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shem.agent.mismatch import Mismatch, shown
from shem.agent.node import RESERVED, Node, Write

_NONE: Final[Node] = ("option-value", None)


def write_none(nodes: list[Node]) -> int:
    nodes.append(_NONE)
    return len(nodes) - 1


def _write_items(write: Write, values: Sequence[Any], nodes: list[Node]) -> int:
    index = len(nodes)
    nodes.append(RESERVED)
    indices: list[int] = []
    try:
        for value in values:
            indices.append(write(value, nodes))  # noqa: PERF401  # the position of a mismatch is read from it
    except Mismatch as mismatch:
        raise mismatch.inside(len(indices)) from None
    nodes[index] = ("list-value", indices)
    return index


def list_writer(item: Write, expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not list:
            raise Mismatch(expected, shown(value))
        return _write_items(item, value, nodes)

    return write


def _form(write: Write, value: Any) -> str:
    """A text that two values share exactly when their nodes are equal; its order is the same in every
    process."""
    nodes: list[Node] = []
    write(value, nodes)
    return repr(nodes)


def set_writer(item: Write, expected: str, identity: bool) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not list:
            raise Mismatch(expected, shown(value))
        members: dict[str, Any] = {}
        for position, element in enumerate(value):
            try:
                members.setdefault(_form(item, element), element)
            except Mismatch as mismatch:
                raise mismatch.inside(position) from None
        forms = sorted(members) if identity else members
        return _write_items(item, [members[form] for form in forms], nodes)

    return write


def object_writer(key: Write, value: Write, expected: str, identity: bool) -> Write:
    def write(mapping: Any, nodes: list[Node]) -> int:
        if type(mapping) is not dict:
            raise Mismatch(expected, shown(mapping))
        index = len(nodes)
        nodes.append(RESERVED)
        pairs = []
        for name in sorted(mapping) if identity else mapping:
            pair = len(nodes)
            nodes.append(RESERVED)
            try:
                nodes[pair] = ("tuple-value", [key(name, nodes), value(mapping[name], nodes)])
            except Mismatch as mismatch:
                raise mismatch.inside(name) from None
            pairs.append(pair)
        nodes[index] = ("list-value", pairs)
        return index

    return write


def pairs_writer(key: Write, value: Write, expected: str, identity: bool) -> Write:
    pair_of = tuple_writer([key, value], "a pair of key and value")

    def write(pairs: Any, nodes: list[Node]) -> int:
        if type(pairs) is not list:
            raise Mismatch(f"{expected} as an array of pairs", shown(pairs))
        members: dict[str, Any] = {}
        for position, pair in enumerate(pairs):
            try:
                pair_of(pair, [])
                form = _form(key, pair[0])
                if form in members:
                    raise Mismatch("a key that is not there yet", shown(pair[0])).inside(0)
            except Mismatch as mismatch:
                raise mismatch.inside(position) from None
            members[form] = pair
        forms = sorted(members) if identity else members
        return _write_items(pair_of, [members[form] for form in forms], nodes)

    return write


def tuple_writer(items: list[Write], expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not list or len(value) != len(items):
            raise Mismatch(expected, shown(value))
        index = len(nodes)
        nodes.append(RESERVED)
        indices: list[int] = []
        try:
            for write_item, element in zip(items, value, strict=True):
                indices.append(write_item(element, nodes))
        except Mismatch as mismatch:
            raise mismatch.inside(len(indices)) from None
        nodes[index] = ("tuple-value", indices)
        return index

    return write


def _payload(name: str, write: Write | None, value: Any, nodes: list[Node]) -> int | None:
    """What a case carries; None where it carries nothing."""
    try:
        if write is not None:
            return write(value, nodes)
        if value is not None:
            raise Mismatch("null", shown(value))
    except Mismatch as mismatch:
        raise mismatch.inside(name) from None
    return None


def variant_writer(cases: list[tuple[str, Write | None]], expected: str) -> Write:
    numbers = {name: (number, write) for number, (name, write) in enumerate(cases)}

    def write(value: Any, nodes: list[Node]) -> int:
        index = len(nodes)
        nodes.append(RESERVED)
        payload: int | None = None
        if type(value) is str and value in numbers and numbers[value][1] is None:
            number = numbers[value][0]
        elif type(value) is dict and len(value) == 1 and (name := next(iter(value))) in numbers:
            number, write_case = numbers[name]
            payload = _payload(name, write_case, value[name], nodes)
        else:
            raise Mismatch(expected, shown(value))
        nodes[index] = ("variant-value", (number, payload))
        return index

    return write


def union_writer(cases: list[Write], expected: str) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        index = len(nodes)
        for number, write_case in enumerate(cases):
            nodes.append(RESERVED)
            try:
                nodes[index] = ("variant-value", (number, write_case(value, nodes)))
            except Mismatch:
                del nodes[index:]
            else:
                return index
        raise Mismatch(expected, shown(value))

    return write


def some_writer(item: Write) -> Write:
    def write(value: Any, nodes: list[Node]) -> int:
        index = len(nodes)
        nodes.append(RESERVED)
        nodes[index] = ("option-value", item(value, nodes))
        return index

    return write


def option_writer(item: Write) -> Write:
    some = some_writer(item)

    def write(value: Any, nodes: list[Node]) -> int:
        return write_none(nodes) if value is None else some(value, nodes)

    return write


def result_writer(sides: list[tuple[str, Write | None]], expected: str) -> Write:
    writers = dict(sides)

    def write(value: Any, nodes: list[Node]) -> int:
        if type(value) is not dict or len(value) != 1 or (side := next(iter(value))) not in writers:
            raise Mismatch(f'{expected} as {{"ok": ...}} or {{"err": ...}}', shown(value))
        index = len(nodes)
        nodes.append(RESERVED)
        nodes[index] = ("result-value", (side, _payload(side, writers[side], value[side], nodes)))
        return index

    return write
