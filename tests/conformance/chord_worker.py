"""A Celery app as a user of chords would write it, for worker processes of their own: `celery -A ... worker`."""

import os
from pathlib import Path

from celery import Celery

from app.adapters import celery_chords, sql
from app.adapters.celery_broker import SETTINGS

BROKER, DATABASE, TOLD = "CHORDS_BROKER", "CHORDS_DATABASE", "CHORDS_TOLD"


def make(broker: str, database: str) -> Celery:
    app = Celery("chord_worker", broker=broker, set_as_current=False)
    app.conf.update(SETTINGS)
    app.conf.update(celery_chords.settings(lambda: sql.open_store(database, threads=2)))
    app.conf.broker_transport_options = dict(SETTINGS["broker_transport_options"], polling_interval=1)
    app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1)

    @app.task(name="square", shared=False)
    def square(x: int) -> int:
        _tell(f"square {x}")
        return x * x

    @app.task(name="die_once", shared=False)
    def die_once(x: int) -> int:
        """The pool's process ends the first time, after it has said so."""
        first = f"die {x}" not in _told()
        _tell(f"die {x}")
        if first:
            os._exit(1)
        return x

    @app.task(name="total", shared=False)
    def total(results: list[int]) -> None:
        _tell(f"total {results}")

    return app


def _told() -> list[str]:
    return Path(os.environ[TOLD]).read_text().splitlines()


def _tell(line: str) -> None:
    with Path(os.environ[TOLD]).open("a") as file:
        file.write(line + "\n")


if BROKER in os.environ:
    app = make(os.environ[BROKER], os.environ[DATABASE])
