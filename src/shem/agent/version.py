"""A component version, ready to run agents: compiled, linked, with its base image and its read-only files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shem.agent.schema import AgentType
from shem.golem.guest import Guest
from shem.wasi.context import WasiContext
from shem.wasi.vfs import Tree
from shem.wasm.component import Linked
from shem.wasm.image import Image


@dataclass(frozen=True, slots=True)
class Version:
    """What all agents of one version share.

    Attributes:
        component: component id, a UUID as text.
        component_name: its name in the environment.
        number: 0, 1, 2 ...
        linked: the compiled component with the host functions it imports.
        guest: how it is spoken to.
        image: the machine right after its agent types were discovered; every agent starts as a copy of it.
        starting: makes the world in which the component's own start runs, the one of the image's start: what
            that start sees and does is in the image already.
        mounts: read-only trees of the agents' file system by path, ``/app`` and ``/python``.
        environ: environment variables of the deployment; an agent's own override them.
        agent_types: by type name.
    """

    component: str
    component_name: str
    number: int
    linked: Linked
    guest: Guest
    image: Image
    starting: Callable[[], WasiContext]
    mounts: Mapping[str, Tree]
    environ: Mapping[str, str]
    agent_types: Mapping[str, AgentType]
