"""A mail server's answers, and what each means: from code, enhanced code and words to an error that says what to do.

Codes are those of RFC 5321, section 4.2, and RFC 4954, section 6; enhanced codes those of RFC 3463 and of the registry
that continues it (RFC 5248). Postfix, Exim, Exchange, Gmail, SES and SendGrid don't always agree on them, so words
decide, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidMessage,
    InvalidResponse,
    ProviderReply,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
    UsageLimitExceeded,
    shorten_text,
)
from connector_smtp.failures import explain_break, explain_silence

if TYPE_CHECKING:
    from collections.abc import Sequence

Stage = Literal["greeting", "hello", "tls", "login", "sender", "recipient", "data", "content"]
"""How far a send had come: `data` is the command, `content` what follows it."""

_MAX_QUOTED = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its code (-1 where it is none of SMTP), its enhanced code or none, and its words on one line."""

    code: int
    enhanced: str
    words: str

    @classmethod
    def parse(cls, code: int, content: bytes) -> Reply:
        """Return the answer that smtplib read: a code and lines without it."""
        enhanced, lines = "", []
        for line in content.decode("utf-8", "replace").split("\n"):
            found = _ENHANCED.match(line) if code >= 200 else None  # noqa: PLR2004  the lowest code there is
            if found is not None:
                enhanced = enhanced or found[1]
            lines.append(line[found.end() :] if found else line)
        return cls(code, enhanced, _CONTROL.sub(" ", " ".join(lines)).strip())

    @property
    def is_refusal(self) -> bool:
        """Return whether the server refuses, for now or for good."""
        return 400 <= self.code < 600  # noqa: PLR2004  the two ranges of refusals

    @property
    def is_lasting_refusal(self) -> bool:
        """Return whether the server refuses for good."""
        return 500 <= self.code < 600  # noqa: PLR2004  the range of these


@dataclass(frozen=True, slots=True)
class _Rule:
    """What an answer means: every pattern that is given must fit, `enhanced` without its class (`1.1` of `5.1.1`)."""

    kind: type[SendError]
    advice: str
    stage: str = ""
    code: str = ""
    enhanced: str = ""
    words: str = ""
    retryable: bool | None = None

    def fits(self, reply: Reply, stage: Stage) -> bool:
        return (
            (not self.stage or stage in self.stage.split())
            and (not self.code or re.fullmatch(self.code, str(reply.code)) is not None)
            and (not self.enhanced or re.fullmatch(self.enhanced, reply.enhanced[2:]) is not None)
            and (not self.words or re.search(self.words, reply.words, re.IGNORECASE) is not None)
        )


_CREDENTIALS = "The mail server refuses the credentials: check user and password or token in auth of the config."
_SENDER = "The mail server does not let the account send as this sender: check fromEmail in the config."
_RECIPIENT = "The mail server does not deliver to this recipient: check the address, or use another one."
_SIZE = "The mail is too large for the mail server: make its attachments or its content smaller."
_QUOTA = "The account at the mail server is out of its allowance: raise it, or wait until it is renewed."
_RATE = "The mail server asks to slow down: send again later."
_BUSY = "The mail server can't take the mail at the moment, so nothing was sent: send again later."
_POLICY = (
    "The mail server refuses the mail by its policy, for instance as spam: act on what it says, or ask its support."
)
_OTHER = "The mail server refuses to send: act on what it says, or ask its support."

_RULES = (
    _Rule(AuthorizationFailed, _CREDENTIALS, code="432"),
    _Rule(
        UsageLimitExceeded,
        _QUOTA,
        code="4..",
        words=r"\b(daily|monthly)\b.*\b(quota|limit)|credits exceeded|messaging limits",
        retryable=True,
    ),
    _Rule(
        RateLimitExceeded, _RATE, code="4..", words=r"\brate\b|too (many|much|fast)|throttl|slow down|limit exceeded"
    ),
    _Rule(
        ProviderUnavailable,
        "The mail server can't take mail for this recipient at the moment, so nothing was sent: send again later.",
        stage="recipient",
        code="4..",
    ),
    _Rule(ProviderUnavailable, _BUSY, code="4.."),
    _Rule(
        AuthorizationFailed,
        "The mail server wants TLS before it takes the credentials: remove ignoreTLS from the config.",
        code="530",
        words="starttls",
    ),
    _Rule(AuthorizationFailed, _CREDENTIALS, code="530|534|535|538"),
    _Rule(AuthorizationFailed, _CREDENTIALS, stage="login", code="5.."),
    _Rule(
        ProviderUnavailable,
        "The mail server refuses connections from this machine, so nothing was sent: check host and port in the "
        "config, or ask whoever runs the server.",
        stage="greeting hello tls",
        code="5..",
        retryable=False,
    ),
    _Rule(SenderRejected, _SENDER, code="5..", enhanced=r"1\.[78]|7\.60|2\.252"),
    _Rule(
        SenderRejected, _SENDER, code="5..", words=r"sender address rejected|sender verify failed|send ?as|not owned by"
    ),
    _Rule(
        SenderRejected,
        _SENDER,
        stage="sender data content",
        code="5..",
        words="not verified|verified sender|unauthenticated senders",
    ),
    _Rule(UsageLimitExceeded, _QUOTA, code="5..", enhanced=r"4\.5"),
    _Rule(RecipientRejected, _RECIPIENT, stage="recipient", code="5..", enhanced=r"[12]\.\d+"),
    _Rule(
        AccountRestricted,
        "The mail server refuses mail from this machine's network address: ask whoever runs the server.",
        stage="sender recipient",
        code="5..",
        words=r"client host|black ?list|block ?list|spamhaus|\bdnsbl\b",
    ),
    _Rule(
        AccountRestricted,
        "The mail server does not pass mail on to this recipient for the account: ask whoever runs the server.",
        stage="recipient",
        code="5..",
        words=r"\brelay",
    ),
    _Rule(InvalidMessage, _SIZE, code="5..", enhanced=r"2\.3|3\.4"),
    _Rule(UsageLimitExceeded, _QUOTA, code="552", enhanced=r".+"),
    _Rule(UsageLimitExceeded, _QUOTA, code="5..", words=r"\b(daily|monthly|sending)\b.*\b(quota|limit)|out of credits"),
    _Rule(InvalidMessage, _SIZE, stage="sender data content", code="552|523"),
    _Rule(SenderRejected, _SENDER, stage="sender", code="501|55[0134]"),
    _Rule(RecipientRejected, _RECIPIENT, stage="recipient", code="501|521|55[012346]"),
    _Rule(RecipientRejected, _RECIPIENT, stage="data content", code="5..", enhanced=r"1\.\d+|2\.[012]"),
    _Rule(InvalidMessage, _POLICY, stage="data content", code="55[0134]"),
    _Rule(SendError, _OTHER),
)
"""What an answer means; the first rule that fits decides."""


def refuse(reply: Reply, stage: Stage, recipients: Sequence[str] = ()) -> SendError:
    """Return the error for an answer that is no consent.

    Args:
        reply: the answer.
        stage: what it answers.
        recipients: the recipients that it may be about.

    """
    quote = shorten_text(reply.words, _MAX_QUOTED)
    provider = ProviderReply(code=reply.enhanced or reply.code, message=quote or None, status=reply.code)
    if not reply.is_refusal:
        return _refuse_unknown(stage, provider if reply.code > 0 else None)
    rule = next(rule for rule in _RULES if rule.fits(reply, stage))
    is_about_recipients = rule.kind is RecipientRejected or stage == "recipient"
    return rule.kind(
        f"{rule.advice} (Mail server: {f'{reply.code} {quote}'.rstrip()})",
        provider=provider,
        retryable=rule.retryable,
        recipients=recipients if is_about_recipients else (),
    )


def explain_loss(stage: Stage, reason: str, *, complete: bool = False) -> SendError:
    """Return the error for a line that broke.

    Args:
        stage: what had been said last.
        reason: why it broke, in a few words.
        complete: whether the server may have the whole mail.

    """
    if complete:
        return DeliveryUnknown(
            f"The mail went out, but the mail server did not confirm it ({reason}): look there whether it was sent "
            "before you send it again."
        )
    return explain_silence(reason) if stage == "greeting" else explain_break(reason)


def _refuse_unknown(stage: Stage, provider: ProviderReply | None) -> SendError:
    if stage == "content":
        return InvalidResponse(
            "The mail went out, but what the mail server answered can't be understood: look there whether it was sent "
            "before you send it again.",
            provider=provider,
        )
    return InvalidResponse(
        "What answered is no mail server, so nothing was sent: check host and port in the config.",
        provider=provider,
        outcome="not_sent",
    )
