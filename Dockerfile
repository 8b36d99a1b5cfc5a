# One image for every process of docker-compose.yml; the command chooses which.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
COPY app/__init__.py app/errors.py app/
COPY app/stack/__init__.py app/stack/environment.py app/stack/locking.py app/stack/
# What the service needs of the lock, each file checked against its hash.
RUN python -m app.stack.locking --print service > service.lock \
 && python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement service.lock

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/pilot --create-home --shell /usr/sbin/nologin pilot
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/parallel-pilot
COPY alembic.ini ./
COPY migrations migrations
COPY parallel_pilot parallel_pilot
COPY app app
COPY workers workers
# The commit that reports name; an image has no .git: docker build --build-arg COMMIT=$(git rev-parse HEAD) .
ARG COMMIT=""
RUN printf '%s\n' "$COMMIT" > app/commit.txt
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/srv/parallel-pilot \
    PILOT_HOME=/var/lib/pilot
USER 10001
VOLUME ["/var/lib/pilot"]
EXPOSE 8080 8081
CMD ["python", "-m", "workers.serve", "--host", "0.0.0.0", "--port", "8080"]
