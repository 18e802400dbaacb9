# The server's processes (web, jobs, migrate) and the transcoder: one image, the command says which.
FROM python:3.12-slim-bookworm AS build
COPY --from=ghcr.io/astral-sh/uv:0.13 /uv /usr/local/bin/uv
WORKDIR /app
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/app/venv
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --locked --no-dev --no-install-project
COPY server ./server
COPY media ./media
COPY chat ./chat
COPY transcoder ./transcoder
COPY clients/*.py ./clients/
RUN uv sync --locked --no-dev --no-editable

FROM python:3.12-slim-bookworm
# Debian's security fixes change versions in place: a pin here would break the build at the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends rtmpdump fonts-dejavu-core util-linux postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin leams \
    && install -d -o leams -g leams /media
COPY --from=build /app/venv /app/venv
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 MEDIA_STORE=file:///media
# A name reads better than a number, and nothing outside the image resolves it.
# hadolint ignore=DL3066
USER leams
VOLUME /media
CMD ["python", "-m", "server", "web"]
