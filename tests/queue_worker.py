"""The Celery application of the tests and of the benchmark, as its variables describe it.

Usage: celery -A queue_worker worker ...
"""

from __future__ import annotations

import json
import os
from typing import Any

from celery import Celery

from connector_core import Host, Limits
from connector_core.integrations.celery import CeleryQueue
from connector_core.queue import RetryPolicy
from connector_core.store import open_store


def make_application(settings: dict[str, Any]) -> tuple[Any, CeleryQueue]:
    """Return an application with settings that a test made, and its queue."""
    name = settings["name"]
    app = Celery(name, broker=settings["broker"])
    options = {"global_keyprefix": f"{name}-", "visibility_timeout": settings["visibility_timeout"]}
    app.conf.update(
        task_default_queue=name,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=options if settings["broker"].startswith("redis") else {},
    )
    return app, CeleryQueue(
        app,
        lambda: Host.discover(store=open_store(settings["store"]), limits=Limits(retries=0)),  # the queue tries again
        settings["ledger"],
        name=name,
        lease=settings["lease"],
        overdue=settings["overdue"],
        retry=RetryPolicy(**settings["retry"]),
    )


if "QUEUE_SETTINGS" in os.environ:
    app, queue = make_application(json.loads(os.environ["QUEUE_SETTINGS"]))
