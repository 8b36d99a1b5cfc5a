# One image for every process of docker-compose.yml; the command chooses which. Base images are named by tag: pin them to the
# digest that your registry shows (docs/upgrades.md), and build anew for their security updates.
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
RUN useradd --system --uid 10001 --home-dir /var/lib/pilot --create-home --shell /usr/sbin/nologin pilot \
 && install --directory --owner pilot /var/lib/pilot-gateway
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/parallel-pilot
COPY alembic.ini ./
COPY migrations migrations
COPY parallel_pilot parallel_pilot
COPY app app
COPY workers workers
# The commit that reports name; an image has no .git: docker build --build-arg COMMIT=$(git rev-parse HEAD) .
ARG COMMIT=""
RUN printf '%s\n' "$COMMIT" > app/commit.txt \
 && python -m compileall -q app workers parallel_pilot migrations
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/srv/parallel-pilot \
    PILOT_HOME=/var/lib/pilot
USER 10001
VOLUME ["/var/lib/pilot"]
EXPOSE 8080 8081
# Of the command below; other commands have their own in docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=6 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=3)"]
CMD ["python", "-m", "workers.serve", "--host", "0.0.0.0", "--port", "8080"]
