"""See ``shem.registry.environment``."""

from shem.registry.environment import Environment

__all__ = ["Environment"]
