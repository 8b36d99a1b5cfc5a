"""Celery tasks: each decodes ids and calls a plain function of `app/pipeline`."""
