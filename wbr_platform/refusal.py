"""The one way in which the platform says no: a stable reason code, what was wrong, what to do."""

from __future__ import annotations


class Refusal(ValueError):
    """A value, file, series or study that cannot be trusted.

    ``reason_code`` is stable (upper-case words joined by underscores) and is what tables and tests
    rely on; ``message`` says what was wrong and where; ``action`` what a person can do about it.
    Neither text may hold anything that identifies a patient: both are stored and shown.
    """

    def __init__(self, reason_code: str, message: str, action: str = "") -> None:
        self.reason_code = reason_code
        self.message = message
        self.action = action
        super().__init__(f"{reason_code}: {message}" + (f" ({action})" if action else ""))

    def __reduce__(self) -> tuple[type[Refusal], tuple[str, str, str]]:
        return (type(self), (self.reason_code, self.message, self.action))
