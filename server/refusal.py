"""The one exception that doors raise on purpose.  A leaf."""


class AppError(Exception):
    """A refusal that a client can act on.

    `code` is a machine word, `message` a plain English sentence, `field` names the faulty input, and
    `retry_after_seconds` is set exactly when trying again can help.
    """

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        field: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.field = field
        self.retry_after_seconds = retry_after_seconds


def not_found(what: str) -> AppError:
    """The 404 for a thing that is absent, or that the caller may not know about."""
    return AppError("not_found", 404, f"There is no such {what}.")
