"""For tests, demos and benchmarks of programs that use Shem: a real server in a process of its own, and load for it."""

from shem.testing.load import CountingLoad
from shem.testing.server_process import ServerFailed, ServerProcess

__all__ = ["CountingLoad", "ServerFailed", "ServerProcess"]
