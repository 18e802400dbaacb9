"""The revisions' file names and what Alembic makes of them agree."""

from alembic.script import ScriptDirectory

from server.db import schema


def test_the_expected_revision_is_alembics_head() -> None:
    """The number in the newest file's name is the head of the chain of revisions."""
    assert schema.expected_revision() == ScriptDirectory(str(schema._MIGRATIONS)).get_current_head()
