#!/bin/sh
# Render the template named by LEAMS_NGINX (ingest or edge) from the container's variables, then become nginx.
set -eu
run=${LEAMS_RUN:-/run/leams}
upstreams=$(printf 'server %s;\n' ${LEAMS_WEB_UPSTREAMS:?names of the web processes, host:port})
common="RUN=$run WORKERS=1 MIME_TYPES=/etc/nginx/mime.types STATIC_ROOT=/app/dist MEDIA_ROOT=/media TLS="
case "${LEAMS_NGINX:?ingest or edge}" in
    ingest)
        python3 -m workbench.nginx_container nginx/ingest.conf "$run/nginx.conf" \
            RTMP_LISTEN=0.0.0.0:1935 HTTP_LISTEN="${LEAMS_INGEST_LISTEN:?the private address of this container}:8181" \
            "WEB_UPSTREAMS=$upstreams" "HOOK_SECRET=${LEAMS_HOOK_SECRET:?}" "PLAY_FROM=${LEAMS_TRUSTED:?a network, for example 10.0.0.0/8}" \
            RTMP_MODULE=/usr/lib/nginx/modules/ngx_rtmp_module.so "RUN=$run"
        ;;
    edge)
        # shellcheck disable=SC2086  # the words of $common are separate arguments
        python3 -m workbench.nginx_container nginx/edge.conf "$run/nginx.conf" LISTEN=0.0.0.0:8080 "WEB_UPSTREAMS=$upstreams" $common
        ;;
    *)
        echo "LEAMS_NGINX=$LEAMS_NGINX: expected ingest or edge" >&2
        exit 2
        ;;
esac
exec nginx -p "$run" -e stderr -c "$run/nginx.conf"
