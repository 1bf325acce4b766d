"""Shem: a durable computing platform. Agents whose memory, files and progress survive crashes and updates."""

__version__ = "0.1.0"
