"""Names and passwords."""

import pytest

from server.accounts.rules import RESERVED_NAMES, is_name, normal_password, parse_free_name, parse_name, parse_password
from server.refusal import AppError


@pytest.mark.parametrize("name", ["abc", "A_1", "x" * 25, "___"])
def test_names(name: str) -> None:
    """Letters, digits, underscores, 3 to 25 of them."""
    assert parse_free_name(name) == name


@pytest.mark.parametrize("name", ["", "ab", "x" * 26, "a b c", "abc\n", "жюя", "a-b-c", "٣٣٣", "abc\u0000"])
def test_what_is_no_name(name: str) -> None:
    """ASCII only, no space around, no control character."""
    assert not is_name(name)
    with pytest.raises(AppError) as caught:
        parse_name(name)
    assert (caught.value.code, caught.value.field) == ("bad_name", "name")


def test_reserved_names_are_the_operators() -> None:
    """Nobody registers them in any case, commands may take them, and each could be a name at all."""
    assert all(is_name(name) and name == name.lower() for name in RESERVED_NAMES)
    with pytest.raises(AppError) as caught:
        parse_free_name("AdMin")
    assert (caught.value.code, caught.value.status) == ("name_taken", 409)
    assert parse_name("admin") == "admin"


@pytest.mark.parametrize("password", ["12345678", "x" * 200, "пароль, пробелы", "🎉" * 8])
def test_passwords(password: str) -> None:
    """Anything one can type, 8 to 200 characters."""
    assert parse_password(password, name="ann") == password


@pytest.mark.parametrize(
    "password", ["1234567", "x" * 201, "12345678\n", "1234\u00005678", "ANN_SMITH", "1234567\ud800"]
)
def test_what_is_no_password(password: str) -> None:
    """Too short, too long, control characters, half a character, the name itself."""
    with pytest.raises(AppError) as caught:
        parse_password(password, name="ann_smith", field="new_password")
    assert (caught.value.code, caught.value.field) == ("bad_password", "new_password")


def test_one_form_for_the_same_letters() -> None:
    """Composed and decomposed are one."""
    assert normal_password("e\u0308") == normal_password("\u00eb") == parse_password("\u00eb" * 8, name="x")[0]
