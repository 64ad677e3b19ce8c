"""The refusals of Postmark's API: error code, sentence and HTTP status."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Refuse a request the way Postmark does.

    `code` is Postmark's ErrorCode, `status` the HTTP status. (Postmark developer docs, API overview: HTTP
    response codes, API error codes)
    """

    def __init__(self, code: int, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    @property
    def body(self) -> dict[str, Any]:
        """Return the JSON object that tells of the refusal."""
        return {"ErrorCode": self.code, "Message": self.message}


def quoted(name: str) -> str:
    """Return a name in the quotes that Postmark's sentences have."""
    return f"'{name}'"


def missing_token() -> Refusal:
    """Refuse a request without a server token."""
    return Refusal(
        10,
        "No Account or Server API tokens were supplied in the HTTP headers. Please add a header for either "
        "X-Postmark-Server-Token or X-Postmark-Account-Token.",
        status=401,
    )


def unknown_token() -> Refusal:
    """Refuse a request with a token that no server has."""
    return Refusal(10, "Request does not contain a valid Server token.", status=401)


def invalid_fields(*names: str) -> Refusal:
    """Refuse fields whose JSON type or value can't be understood."""
    return Refusal(403, f"Invalid request field(s): {', '.join(map(quoted, names))}.")


def template_not_found(field: str) -> Refusal:
    """Refuse a template that this server doesn't have; `field` is TemplateId, or Alias."""
    named = "Template's 'Alias'" if field == "Alias" else "'TemplateId'"
    return Refusal(1101, f"The {named} associated with this request is not valid or was not found.")


def inactive_recipients(addresses: list[str]) -> Refusal:
    """Refuse a message all of whose recipients are inactive; both official clients parse this sentence."""
    return Refusal(
        406,
        "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: "
        f"{', '.join(addresses)}. Inactive recipients are ones that have generated a hard bounce, a spam "
        "complaint, or a manual suppression.",
    )
