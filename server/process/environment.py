"""Read settings from environment variables, collecting every fault before failing."""

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class SettingsError(Exception):
    """One or more variables are missing or malformed; `faults` names each with what was expected."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Environment:
    """Typed look-ups over an environment mapping; call `check()` once after the last look-up."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._faults: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """The variable's text; a missing one without default is a fault."""
        value = self._env.get(name, "")
        if value:
            return value
        if default is None:
            self._faults.append(f"{name} is not set")
            return ""
        return default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within [low, high]."""
        return self._parsed(name, default, int, low, high)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number within [low, high]."""
        return self._parsed(name, default, float, low, high)

    def flag(self, name: str, *, default: bool) -> bool:
        """`1` or `0`."""
        value = self._env.get(name, "")
        if value in {"", "0", "1"}:
            return default if not value else value == "1"
        self._faults.append(f"{name}={value!r}: expected 0 or 1")
        return default

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of these words; the first is the default."""
        value = self._env.get(name) or choices[0]
        if value not in choices:
            self._faults.append(f"{name}={value!r}: expected {' or '.join(choices)}")
        return value

    def path(self, name: str, default: Path) -> Path:
        """A path of the file system, made absolute."""
        return Path(self._env.get(name) or default).absolute()

    def address(self, name: str, default: str, parse: Callable[[str], object]) -> str:
        """A text that `parse` can read: it raises ValueError otherwise."""
        value = self._env.get(name) or default
        if value:
            try:
                parse(value)
            except ValueError as error:
                self._faults.append(f"{name}: {error}")  # without the value: there may be a password in it
        return value

    def networks(self, name: str, default: str) -> str:
        """Addresses or networks with commas between them; a `*` would trust everybody and is a fault."""
        value = self._env.get(name) or default
        for part in value.split(","):
            try:
                ip_network(part.strip(), strict=False)
            except ValueError:
                self._faults.append(f"{name}={value!r}: expected addresses or networks such as 10.0.0.0/8")
                break
        return value

    def check(self) -> None:
        """Fail with all faults found so far.

        Raises:
            SettingsError: at least one variable was wrong.
        """
        if self._faults:
            raise SettingsError(self._faults)

    def _parsed(self, name: str, default: T, parse: Callable[[str], T], low: float, high: float) -> T:
        value = self._env.get(name, "")
        if not value:
            return default
        try:
            parsed = parse(value)
        except ValueError:
            parsed = None
        if parsed is None or not low <= parsed <= high:  # type: ignore[operator]  # T is int or float here
            self._faults.append(f"{name}={value!r}: expected a number from {low} to {high}")
            return default
        return parsed
