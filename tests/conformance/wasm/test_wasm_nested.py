"""Values of any type pass through components inside a component, as they do in wasmtime's own runtime."""

from __future__ import annotations

import re
from typing import Any

import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from wasm_echo_components import TypeTexts, echo_component
from wasm_oracle import OracleInstance, from_oracle, to_oracle
from wasm_values import bits, examples, types, values

from shem.wasm.component import Component
from shem.wasm.engine import Engine
from shem.wasm.host import HostInterface
from shem.wasm.types import ValType

ENCODINGS = ("utf8", "utf16", "latin1+utf16")


def chain(type_: ValType, encodings: list[str]) -> str:
    """A component that hands its argument down through one component for each encoding, to the host and back.

    Every component inside has a memory of its own and calls the one before it.
    """
    texts = TypeTexts()
    name = texts.text(type_)
    imported = re.findall(r'\(import "(t[0-9]+)"', "\n".join(texts.lines))
    arguments = " ".join(f'(with "{each}" (type ${each}n))' for each in imported)
    previous, parts = "$host", []
    for number, encoding in enumerate(encodings):
        inner = echo_component(type_, encoding).replace("(component", f"(component $c{number}", 1)
        parts.append(
            f'{inner} (instance $i{number} (instantiate $c{number} (with "host" (func {previous})) {arguments}))'
            f' (alias export $i{number} "echo" (func $f{number}))'
        )
        previous = f"$f{number}"
    return f"""(component
      {" ".join(texts.lines)}
      (import "host" (func $host (param "p0" {name}) (result {name})))
      {" ".join(parts)}
      (export "echo" (func {previous})))"""


@examples(80)
@given(data=st.data(), encodings=st.lists(st.sampled_from(ENCODINGS), min_size=1, max_size=4))
def test_any_value_passes_through_components(
    engine: Engine, data: st.DataObject, encodings: list[str]
) -> None:
    type_ = data.draw(types)
    value = data.draw(values(type_))
    wat = chain(type_, encodings)
    seen: list[Any] = []
    host = HostInterface("")

    @host.function("host")
    def answer(context: None, given: Any) -> Any:
        seen.append(given)
        return given

    with Component.load(engine, bytes(wasmtime.wat2wasm(wat))).link([host]).instantiate(None) as ours:
        result = ours.call("", "echo", value)
    oracle = OracleInstance(wat, host=lambda given: given)
    expected = from_oracle(type_, oracle.call("echo", to_oracle(type_, value)))
    assert bits(result) == bits(expected) == bits(value)
    assert bits(seen) == bits([value])
