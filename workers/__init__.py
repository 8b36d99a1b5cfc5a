"""The long-running processes: Celery's application and its tasks."""
