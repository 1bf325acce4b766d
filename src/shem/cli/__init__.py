"""The ``shem`` command: results on stdout, everything else on stderr, exit codes that scripts can rely on.

What is heavy to import (HTTP, the server, the builders) is imported inside the commands that need it, so that
``--help`` and completion answer at once.
"""
