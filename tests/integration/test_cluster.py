"""The private Postgres cluster is made whole or not at all."""

from pathlib import Path

from workbench.machine import give_to_user
from workbench.postgres import create_cluster


def test_an_interrupted_cluster_is_made_anew(service_folder: Path) -> None:
    """What a killed initdb left is thrown away; a cluster that is there is left alone."""
    folder = service_folder / "interrupted"
    folder.mkdir()
    give_to_user(folder)
    unfinished = service_folder / "interrupted.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("15")
    create_cluster(folder)
    assert (folder / "global/pg_control").exists()
    assert not unfinished.exists()
    before = (folder / "PG_VERSION").stat().st_ino
    create_cluster(folder)
    assert (folder / "PG_VERSION").stat().st_ino == before
