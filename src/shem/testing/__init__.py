"""For tests, demos and benchmarks of programs that use Shem: a real server in a process of its own."""

from shem.testing.server_process import ServerFailed, ServerProcess

__all__ = ["ServerFailed", "ServerProcess"]
