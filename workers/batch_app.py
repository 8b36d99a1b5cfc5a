"""Celery's application for what may take its time: `celery -A workers.batch_app worker --queues pilot-batch`."""

from workers.celery_app import celery

celery.conf.imports = ("workers.batch_tasks", "workers.task_context", "workers.memory")

__all__ = ["celery"]
