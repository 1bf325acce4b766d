"""``element-value``s of the contract and their JSON: a value by its type, or text and bytes with a label.

component-model        as ``json_to_wit`` and ``wit_to_json`` say
unstructured-text      "text" · {"data": "text", "language": "en"} · {"url": "..."}
unstructured-binary    {"data": base64, "mime_type": "image/png"} · {"url": "..."}
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from shem.agent.json_to_wit import Writers
from shem.agent.mismatch import Mismatch, shown
from shem.agent.node import Node
from shem.agent.types import Defaulted, ElementSchema, UnstructuredBinary, UnstructuredText
from shem.agent.wit_to_json import Readers, read_value
from shem.agent.write_leaf import to_bytes

ElementValue: TypeAlias = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Element:
    """How one parameter crosses the border.

    Attributes:
        write: JSON to element-value; raises ``Mismatch``.
        absent: the element-value of a parameter that was left out; None where it has to be given.
        read: element-value to JSON; raises ``Mismatch``.
    """

    write: Callable[[Any], ElementValue]
    absent: Callable[[], ElementValue] | None
    read: Callable[[ElementValue], Any]


def element(schema: ElementSchema, *, identity: bool) -> Element:
    """Compile an element; ``identity`` as in ``json_to_wit``.

    Raises:
        Mismatch: a default inside the type does not fit.
    """
    if isinstance(schema, UnstructuredText):
        return Element(_text_writer(schema), None, _read_text)
    if isinstance(schema, UnstructuredBinary):
        return Element(_binary_writer(schema), None, _read_binary)
    writers = Writers(identity=identity)
    write_value, write_absent = writers.of(schema), writers.absent(schema)
    if identity and isinstance(schema, Defaulted) and not schema.known:
        write_absent = (
            None  # an agent id has all parameters, so one that only the guest could fill must be given
        )
    read = Readers().of(schema)

    def write(value: Any) -> ElementValue:
        nodes: list[Node] = []
        write_value(value, nodes)
        return "component-model", {"nodes": nodes}

    def absent() -> ElementValue:
        nodes: list[Node] = []
        assert write_absent is not None, "only handed out where there is one"
        write_absent(nodes)
        return "component-model", {"nodes": nodes}

    def read_element(value: ElementValue) -> Any:
        kind, payload = value
        if kind != "component-model":
            raise Mismatch(schema.text, kind)
        return read_value(read, payload)

    if write_absent is not None:
        absent()
    return Element(write, None if write_absent is None else absent, read_element)


def _label(value: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    label = value.get(name)
    if type(label) is not str or (allowed and label not in allowed):
        expected = f"one of {', '.join(map(shown, allowed))}" if allowed else "str"
        raise Mismatch(expected, shown(label) if name in value else "nothing").inside(name)
    return _text(label, name)


def _text(value: Any, name: str) -> str:
    if type(value) is not str:
        raise Mismatch("str", shown(value)).inside(name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Mismatch("text without halves of surrogate pairs", shown(value)).inside(name) from None
    return value


def _text_writer(schema: UnstructuredText) -> Callable[[Any], ElementValue]:
    def write(value: Any) -> ElementValue:
        if type(value) is str:
            value = {"data": value}
        if type(value) is not dict:
            raise Mismatch("text", shown(value))
        if value.keys() == {"url"}:
            return "unstructured-text", ("url", _text(value["url"], "url"))
        if value.keys() == {"data"} and not schema.languages:
            return "unstructured-text", ("inline", {"data": _text(value["data"], "data"), "text-type": None})
        if value.keys() <= {"data", "language"} and "data" in value:
            text_type = {"language-code": _label(value, "language", schema.languages)}
            return "unstructured-text", (
                "inline",
                {"data": _text(value["data"], "data"), "text-type": text_type},
            )
        raise Mismatch('text, {"data", "language"} or {"url"}', shown(value))

    return write


def _read_text(value: ElementValue) -> Any:
    kind, payload = value
    if kind != "unstructured-text":
        raise Mismatch("text", kind)
    case, source = payload
    if case == "url":
        return {"url": source}
    if source["text-type"] is None:
        return source["data"]
    return {"data": source["data"], "language": source["text-type"]["language-code"]}


def _binary_writer(schema: UnstructuredBinary) -> Callable[[Any], ElementValue]:
    def write(value: Any) -> ElementValue:
        if type(value) is not dict:
            raise Mismatch("binary", shown(value))
        if value.keys() == {"url"}:
            return "unstructured-binary", ("url", _text(value["url"], "url"))
        if value.keys() == {"data", "mime_type"}:
            try:
                data = to_bytes(value["data"])
            except Mismatch as mismatch:
                raise mismatch.inside("data") from None
            binary_type = {"mime-type": _label(value, "mime_type", schema.mime_types)}
            return "unstructured-binary", ("inline", {"data": data, "binary-type": binary_type})
        raise Mismatch('{"data", "mime_type"} or {"url"}', shown(value))

    return write


def _read_binary(value: ElementValue) -> Any:
    kind, payload = value
    if kind != "unstructured-binary":
        raise Mismatch("binary", kind)
    case, source = payload
    if case == "url":
        return {"url": source}
    data = base64.b64encode(source["data"]).decode()
    return {"data": data, "mime_type": source["binary-type"]["mime-type"]}
