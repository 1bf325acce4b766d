"""What can go wrong when a component is read, linked or run.

WasmError
├── MalformedComponent   the binary is broken or uses what is not supported: offset, section, reason
├── LinkError            an import that no host interface offers, or offers with another type
├── ValueMismatch        a Python value does not fit its WIT type: path, expected, got
├── Poisoned             the instance trapped before and refuses further calls
└── Trap                 the guest stopped: kind, message, WebAssembly backtrace
    └── Interrupted      because Instance.interrupt() was called
"""

from __future__ import annotations


class WasmError(Exception):
    """Base of the errors of this package."""


class MalformedComponent(WasmError):
    """A binary that cannot be read.

    Args:
        reason: one sentence.
        offset: bytes from the start of the file.
        section: name of the section, for instance ``"canon"``.
    """

    def __init__(self, reason: str, *, offset: int, section: str) -> None:
        super().__init__(f"{reason} (section {section}, offset {offset:#x})")
        self.reason, self.offset, self.section = reason, offset, section


class LinkError(WasmError):
    """An import that cannot be satisfied."""


class ValueMismatch(WasmError):
    """A Python value that does not fit its WIT type.

    Args:
        path: where, for instance ``"args[0].items[3].price"``.
        expected: the WIT type or a rule.
        got: what came, in words.
    """

    def __init__(self, path: str, expected: str, got: str) -> None:
        super().__init__(f"{path}: expected {expected}, got {got}")
        self.path, self.expected, self.got = path, expected, got


class Trap(WasmError):
    """The guest stopped; its instance is poisoned.

    Args:
        message: wasmtime's or the canonical ABI's words.
        kind: ``unreachable``, ``stack-overflow``, ``out-of-bounds``, ``out-of-memory``, ``interrupt``, ``abi`` or
            ``other``.
        backtrace: frames of the guest, innermost first.
    """

    def __init__(self, message: str, *, kind: str = "other", backtrace: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.kind, self.backtrace = message, kind, backtrace


class Interrupted(Trap):
    """The guest stopped because the host asked it to."""


class Poisoned(WasmError):
    """The instance trapped before; make a new one."""
