"""What is a node to Celery? The application, and `python -m worker.main`, which runs a node.

`app` serves `celery -A worker.main inspect ping` as well: importing this needs what says where the broker is at most.
"""

import os
import sys

from celery import Celery

from app.wire.broker import KEY_PREFIX, Broker
from app.wire.claim import OFFER_TASK
from worker.config import read
from worker.setting import SettingsError
from worker.where import read_broker

TIMEOUT_S = 30
CONNECT_S = 5
app = Celery("flotilla", set_as_current=True)
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    event_serializer="json",
    accept_content=["json"],
    result_accept_content=["json"],
    task_ignore_result=True,
    result_backend_thread_safe=True,
    task_acks_late=True,
    task_default_queue="flotilla.none",
    worker_prefetch_multiplier=1,
    worker_disable_rate_limits=True,
    worker_deduplicate_successful_tasks=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_prefetch_count_reduction=False,
    worker_redirect_stdouts=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
)


def connect(broker: Broker) -> None:
    app.conf.update(
        broker_url=broker.celery_url,
        broker_use_ssl=broker.tls,
        broker_transport_options={
            "queue_order_strategy": "worker.consumer:RouteCycle",
            "ack_emulation": False,
            "priority_steps": [0],
            "polling_interval": 5,
            "socket_timeout": TIMEOUT_S,
            "socket_connect_timeout": CONNECT_S,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": KEY_PREFIX,
            **broker.transport_options(timeout_s=TIMEOUT_S, connect_timeout_s=CONNECT_S),
        },
    )


@app.task(name=OFFER_TASK, Strategy="worker.consumer:strategy", trail=False)
def offer(run_ids: list[str]) -> None:
    """An offer is taken by its strategy in the event loop and never gets here."""
    raise RuntimeError(f"an offer of {len(run_ids)} runs was run as a task; start nodes with python -m worker.main")


def main() -> int:
    from worker.consumer import IncompatibleError, check
    from worker.executors.declared.tables import DeclarationError
    from worker.executors.sandbox import SandboxError
    from worker.host import HostError
    from worker.joining import IncompatibleApiError
    from worker.node import INCOMPATIBLE, UNUSABLE, Node

    try:
        check()
        node = Node(app, read(), connect)
    except (SettingsError, DeclarationError, SandboxError, HostError, IncompatibleError) as wrong:
        print(f"this node cannot start:\n{wrong}", file=sys.stderr)
        return INCOMPATIBLE if isinstance(wrong, IncompatibleApiError) else UNUSABLE
    return node.run()


if __name__ == "__main__":
    sys.exit(main())
said = any(os.environ.get(key) for key in ("FLOTILLA_BROKER_URL", "FLOTILLA_BROKER_URL_FILE"))
connect(read_broker(os.environ if said else {"FLOTILLA_BROKER_URL": "redis://localhost:6379/0"}))
