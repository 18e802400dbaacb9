# The ingest and the edge: one image, LEAMS_NGINX says which template is rendered.
FROM node:22-bookworm-slim AS web
WORKDIR /web
COPY clients/web/package.json clients/web/package-lock.json clients/web/.npmrc ./
RUN npm ci
COPY clients/web ./
RUN npm run build

FROM debian:bookworm-slim
# Debian's security fixes change versions in place: a pin here would break the build at the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends nginx libnginx-mod-rtmp python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin leams \
    && install -d -o leams -g leams /run/leams
WORKDIR /app
COPY workbench/__init__.py workbench/nginx.py workbench/nginx_container.py ./workbench/
COPY nginx ./nginx
COPY docker/nginx.sh ./docker/nginx.sh
COPY --from=web /web/dist ./dist
# A name reads better than a number, and nothing outside the image resolves it.
# hadolint ignore=DL3066
USER leams
CMD ["sh", "docker/nginx.sh"]
