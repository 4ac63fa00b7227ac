"""How does a web or engine process log? One line an event on stdout: JSON, or colours on a terminal; what libraries log
goes the same way. `worker/logs.py` writes the same lines for a node; `deploy/README.md` has the table of fields.

Whatever is bound to the context (`structlog.contextvars`) is in every line that is logged meanwhile.
"""

import logging
import sys
from typing import Any, Final

import structlog

from app.wire import masking

QUIET: Final = {"alembic": logging.WARNING, "waitress.queue": logging.ERROR}
"""Libraries that say more than is worth a line: waitress says one for each request while all threads are busy."""


def start(process: str, level: str) -> None:
    """`process` is what every line says of where it comes from."""

    def named(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"process": process, **event}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]  # locals may hold secrets
        if sys.stdout.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _masked],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(least)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _masked(logger: Any, method: str, line: Any) -> str:
    """The last step: what is written has become text."""
    return masking.patterns(str(line))
