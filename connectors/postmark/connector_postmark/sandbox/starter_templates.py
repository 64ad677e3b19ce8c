"""Templates to start with, one for each usage type, in Mustachio over Logto's payload variables."""

from __future__ import annotations

from typing import NamedTuple


class StarterTemplate(NamedTuple):
    """The name and the content of a template."""

    name: str
    subject: str
    html: str
    text: str


class _Wording(NamedTuple):
    name: str
    subject: str
    opening: str
    closing: str


_IGNORE = "If you did not ask for this, you can safely ignore this e-mail."
_SECURE = "If this was not you, change your password and tell us."

_CODES = {
    "SignIn": _Wording("Sign in", "{{code}} is your sign-in code", "Enter this code to sign in", _IGNORE),
    "Register": _Wording(
        "Register", "{{code}} confirms your new account", "Enter this code to create your account", _IGNORE
    ),
    "ForgotPassword": _Wording(
        "Forgot password",
        "Reset your password with {{code}}",
        "Enter this code to choose a new password",
        _IGNORE,
    ),
    "Generic": _Wording("Generic", "{{code}} is your verification code", "Here is your verification code", _IGNORE),
    "UserPermissionValidation": _Wording(
        "User permission validation",
        "{{code}} confirms that it is you",
        "Enter this code to confirm that it is you before the change is made",
        _SECURE,
    ),
    "BindNewIdentifier": _Wording(
        "Bind new identifier",
        "{{code}} links this e-mail address",
        "Enter this code to link this e-mail address to your account",
        _IGNORE,
    ),
    "MfaVerification": _Wording(
        "MFA verification",
        "{{code}} completes your sign-in",
        "Enter this code as the second step of signing in",
        _SECURE,
    ),
    "BindMfa": _Wording(
        "Bind MFA",
        "{{code}} turns on two-step verification",
        "Enter this code to use e-mail as your second step",
        _SECURE,
    ),
}

_INVITATION = _Wording(
    "Organization invitation",
    "You are invited{{#organization}}{{#name}} to join {{.}}{{/name}}{{/organization}}",
    "You have been invited{{#inviter}}{{#name}} by {{.}}{{/name}}{{/inviter}} to join "
    "{{#organization}}{{name}}{{^name}}an organization{{/name}}{{/organization}}"
    "{{^organization}}an organization{{/organization}}",
    "If you were not expecting an invitation, you can safely ignore this e-mail.",
)

_HTML = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7;color:#1b1f24;font:16px/1.5 sans-serif">
<div style="max-width:480px;margin:0 auto;padding:32px;background:#ffffff;border-radius:8px">
{sender}
<p style="margin:0 0 24px">{opening}:</p>
{action}
<p style="margin:24px 0 0;color:#57606a;font-size:14px">{closing}</p>
</div>
</body>
</html>
"""
# "." is the value that a section tests and enters; without an application its place stays empty.
_SENDER = '{{#application}}{{#name}}<p style="margin:0 0 16px;font-weight:bold">{{.}}</p>{{/name}}{{/application}}'
_PLAIN_SENDER = "{{#application}}{{#name}}{{.}}\n\n{{/name}}{{/application}}"
_CODE = '<p style="margin:0;font-size:32px;font-weight:bold;letter-spacing:6px">{{code}}</p>'
_LINK = (
    '<p style="margin:0"><a href="{{link}}" style="display:inline-block;padding:12px 20px;background:#1f5fbf;'
    'color:#ffffff;border-radius:6px;text-decoration:none">Accept the invitation</a></p>\n'
    '<p style="margin:24px 0 0;font-size:14px;overflow-wrap:anywhere">Or open {{link}}</p>'
)


def starter_template(usage_type: str) -> StarterTemplate:
    """Return the starter of a usage type; a host's own usage type gets the generic one."""
    if usage_type == "OrganizationInvitation":
        return _starter(_INVITATION, _LINK, "{{link}}")
    wording = _CODES.get(usage_type, _CODES["Generic"])
    return _starter(wording, _CODE, "{{code}}")


def _starter(wording: _Wording, action: str, plain_action: str) -> StarterTemplate:
    return StarterTemplate(
        name=wording.name,
        subject=wording.subject,
        html=_HTML.format(
            name=wording.name, sender=_SENDER, opening=wording.opening, action=action, closing=wording.closing
        ),
        text=f"{_PLAIN_SENDER}{wording.opening}:\n\n{plain_action}\n\n{wording.closing}\n",
    )
