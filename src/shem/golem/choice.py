"""Which way a component is spoken to: by Golem's contract where it can, else by its plain exports."""

from __future__ import annotations

from shem.errors import BadComponent
from shem.golem.contract import GUEST, ContractGuest
from shem.golem.guest import Guest
from shem.golem.plain import PlainGuest
from shem.wasm.component import Component


def guest_of(component: Component, name: str) -> Guest:
    """How to speak to a component.

    Args:
        name: of the component in its environment.

    Raises:
        BadComponent: it exports nothing that can be called, or another version of the contract.
    """
    if GUEST in component.exports:
        return ContractGuest()
    contract, _, _ = GUEST.partition("@")
    for interface in component.exports:
        if interface.startswith(f"{contract}@"):
            raise BadComponent(
                f"the component exports {interface}, agents here speak {GUEST}",
                hint="Build it with an SDK of that version.",
            )
    return PlainGuest(name, component.exports)
