"""What can be wrong with settings."""

from pathlib import Path


class SettingsError(Exception):
    """The settings cannot be used; the process ends with exit code 2."""


class SettingError(SettingsError):
    """One setting has a value that is not allowed.

    Args:
        key: The dotted key, as in the file.
        value: The value as it was given.
        allowed: What would be right, in words.
        origin: Where the value came from (file name, variable or flag).
    """

    def __init__(self, key: str, value: object, allowed: str, origin: str) -> None:
        super().__init__(key, value, allowed, origin)
        self.key = key
        self.value = value
        self.allowed = allowed
        self.origin = origin

    def __str__(self) -> str:
        return f"{self.key}: {self.value!r} ({self.origin}) is not allowed; use {self.allowed}"


class UnknownSetting(SettingsError):
    """The file has a key that no setting has.

    Args:
        key: The dotted key.
        value: The value that was given for it.
        known: All known keys, for the message.
        origin: The file's name.
    """

    def __init__(self, key: str, value: object, known: tuple[str, ...], origin: str) -> None:
        super().__init__(key, value, known, origin)
        self.key = key
        self.value = value
        self.known = known
        self.origin = origin

    def __str__(self) -> str:
        return (
            f"{self.key}: {self.value!r} ({self.origin}) sets an unknown key; "
            f"known keys are {', '.join(self.known)}"
        )


class UnreadableSettings(SettingsError):
    """The settings file cannot be read or is not a YAML mapping.

    Args:
        path: The file.
        problem: What is wrong with it, in one line.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"settings file {str(self.path)!r}: {self.problem}"
