"""What a live check finds of the templates in a config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_postmark.sandbox import PostmarkSandbox

    from connector_core import Finding

    Check = Callable[..., list[Finding]]

PATH = "$.templates[0].templateAlias"


def find_problem(findings: list[Finding]) -> Finding:
    """Return the one finding that is not ok, which says what to do."""
    (problem,) = (finding for finding in findings if finding.level != "ok")
    assert problem.fix
    return problem


def describe(finding: Finding) -> tuple[str, str, str]:
    """Return level, code and path of a finding."""
    return finding.level, finding.code, finding.path


def check_content(check: Check, sandbox: PostmarkSandbox, content: dict[str, Any]) -> list[Finding]:
    """Check a config whose template for SignIn has other content."""
    template = sandbox.account.find_template("logto-sign-in")
    assert template is not None
    sandbox.account.change_template(template.id, **content)
    return check()


def name_templates(sandbox: PostmarkSandbox, **entry: Any) -> list[dict[str, Any]]:
    """Return the templates of the sandbox's config with an entry more."""
    return [*sandbox.config["templates"], entry]
