"""The log: one line per event on stderr, for people on a terminal and in logfmt elsewhere."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import structlog


def configure_log() -> None:
    """Send what the house and its libraries log to stderr. Called once, by the process that serves."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # What uvicorn tells below a warning is its own start and end, which the house announces itself.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # One line per outgoing request would drown the log; what a change leads to is told where it is deployed.
    for talkative in ("httpx", "watchfiles"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


def _renderer() -> list[Any]:
    if sys.stderr.isatty():
        return [structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
    ]
