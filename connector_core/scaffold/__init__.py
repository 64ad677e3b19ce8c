"""A new connector: a whole distribution, which works as it is against a made-up provider."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from connector_core.errors import ConnectorError
from connector_core.plugins import ENTRY_POINT_GROUP

if TYPE_CHECKING:
    import jinja2

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 50
_TAKEN = frozenset({"http"})
"""Names whose class would be one of the core's: `HttpSandbox`."""

_SUFFIX = ".jinja"
_VARIABLES = ("id", "distribution", "module", "package", "title", "prefix", "variable")
_GUIDES = ("README.md", "README.fr.md")


@dataclass(frozen=True, slots=True)
class Names:
    """What a connector and its parts are called, from its id: `acme-mail`.

    Raises:
        ConnectorError: the id can't be one; the sentence says why.

    """

    id: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id):
            raise ConnectorError(
                f"{self.id!r} can't be the name of a connector: use lower-case letters, digits and single hyphens, "
                "with a letter first, such as acme-mail."
            )
        if self.id in _TAKEN:
            raise ConnectorError(f"{self.id} is too general a name: choose one such as {self.id}-mail.")
        if len(self.id) > _LONGEST_NAME:
            raise ConnectorError(
                f"The name has {len(self.id)} characters: choose one with at most {_LONGEST_NAME}, such as acme-mail."
            )

    @property
    def distribution(self) -> str:
        """Return the name of the distribution, which is that of its folder, too: `connector-acme-mail`."""
        return f"connector-{self.id}"

    @property
    def module(self) -> str:
        """Return the id as a part of a module's name: `acme_mail`."""
        return self.id.replace("-", "_")

    @property
    def package(self) -> str:
        """Return the name of the package: `connector_acme_mail`."""
        return f"connector_{self.module}"

    @property
    def title(self) -> str:
        """Return the name for people: `Acme Mail`."""
        return " ".join(word.capitalize() for word in self.id.split("-"))

    @property
    def prefix(self) -> str:
        """Return what the names of classes start with: `AcmeMail`."""
        return self.title.replace(" ", "")

    @property
    def variable(self) -> str:
        """Return what the names of environment variables start with: `ACME_MAIL`."""
        return self.module.upper()


def write_distribution(names: Names, into: Path) -> Path:
    """Write a new connector into a folder of its own, whole or not at all; return that folder.

    Args:
        names: what the connector is called.
        into: the folder that the connector's own one is made in; it is made where it isn't there.

    Raises:
        ConnectorError: the connector is there already, the folder can't be written to, or Jinja2 isn't installed.

    """
    _refuse_installed(names)
    files = _render(names)
    target = into.absolute() / names.distribution
    try:
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
            raise ConnectorError(f"{target} is there already: move it away, or choose another folder with --into.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=f".{names.distribution}-") as scratch:
            draft = Path(scratch) / names.distribution  # a folder with the usual permissions, unlike its parent
            _write(draft, files, names.package)
            if target.exists():
                target.rmdir()  # not every system renames a folder to an empty one
            draft.rename(target)
    except OSError as cause:
        problem = f"The folder {into} can't be written to ({cause.strerror or cause}): choose another with --into."
        raise ConnectorError(problem) from cause
    return target


def _refuse_installed(names: Names) -> None:
    """Refuse a name that would hide what is installed: two connectors of one id are a failure, as are two packages."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    if names.id in entry_points(group=ENTRY_POINT_GROUP).names:
        raise ConnectorError(f"A connector with the id {names.id} is installed already: choose another name.")
    if find_spec(names.package) is not None:
        raise ConnectorError(f"A package {names.package} is installed already: choose another name.")


def _render(names: Names) -> dict[str, str]:
    """Return the content of each file by its path."""
    environment = _make_environment()
    variables = {name: getattr(names, name) for name in _VARIABLES}
    return {
        _find_path(template, names): environment.get_template(template).render(variables)
        for template in environment.list_templates(extensions=[_SUFFIX.removeprefix(".")])
    }


def _make_environment() -> jinja2.Environment:
    try:
        import jinja2
    except ModuleNotFoundError:
        raise ConnectorError('A new connector needs Jinja2: pip install "connector-core[new]"') from None
    return jinja2.Environment(  # noqa: S701  the names that are put in have letters, digits and hyphens only
        loader=jinja2.PackageLoader("connector_core.scaffold", "template"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        # The usual signs are those of the placeholders in mails, and of variables in workflows.
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
    )


def _find_path(template: str, names: Names) -> str:
    """Return where the file of a template goes."""
    path = template.removesuffix(_SUFFIX).replace("PACKAGE", names.package).replace("NAME", names.module)
    return re.sub(r"(^|/)dot-", r"\1.", path)


def _write(folder: Path, files: dict[str, str], package: str) -> None:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8", newline="\n")
    for guide in _GUIDES:
        _link(folder / package / guide, folder / guide)


def _link(link: Path, file: Path) -> None:
    """Make a file appear in a second place: by a link, or as a copy where the system has no links."""
    try:
        link.symlink_to(Path("..") / file.name)
    except (OSError, NotImplementedError):
        shutil.copyfile(file, link)
