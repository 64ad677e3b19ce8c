"""Templates, rendered by the Mustache library mstache.

Postmark's language, Mustachio, looks like Mustache and differs in four points: `{{#each list}}` loops, `{{#value}}`
only tests and enters, a second test of a path is the "else" of the first, and a path starts in the current scope alone,
from where `../` goes up. So the label of each block gets to say what the block does, as in `{{#if path}}`, and a getter
for mstache does it. (Postmark support, Template Syntax; ActiveCampaign/mustachio)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import mstache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# All that mstache takes for a tag, so that nothing reaches it unseen; the last alternative is a tag without an end.
_TAG = re.compile(r"\{\{(?:\{(?P<raw>.*?)\}\}\}|(?!\{)(?P<sign>[#^/!&]?)(?P<label>.*?)\}\}|.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{\{\{\s*@content\s*\}\}\}")
# Postmark fills {{{ pm:unsubscribe }}} in on its way out; a sandbox has no page to link to.
_LEFT_ALONE = re.compile(r"\{{2,3}\s*pm:\w+\s*\}{2,3}")
_BAD_PATH = re.compile(r"\.{3,}|[^\w./]|(?<!\.\.)/|\.{2,}(?:$|[^/])")
_STEP = re.compile(r"\.\./|[^.]+")
_CONTENT = "{{>content}}"
_DEEPEST = 100
_MOST_ISSUES = 100


class RenderingFailed(Exception):
    """A template doesn't fit its model: Postmark would bounce the message as TemplateRenderingFailed."""


@dataclass(frozen=True, slots=True)
class SyntaxIssue:
    """One thing wrong with a template, and where: line and character count from 1."""

    message: str
    line: int
    character: int


@dataclass(frozen=True, slots=True)
class ParsedTemplate:
    """A template in the words of mstache, which can always be rendered: what has an issue is left out.

    A layout has placeholders, which show the `content` that it was filled with.
    """

    text: str
    issues: Sequence[SyntaxIssue] = ()
    placeholders: int = 0
    content: str = ""

    def fill(self, content: ParsedTemplate) -> ParsedTemplate:
        """Return this layout with `content` in its place."""
        # Only a layout has content: without this, content that asks for content would get itself.
        return replace(self, content=content.text.replace(_CONTENT, ""), issues=[*self.issues, *content.issues])


def parse(source: str) -> ParsedTemplate:
    """Parse a template and collect everything that is wrong with it."""
    return _Translator(source).translate()


def render(template: ParsedTemplate, model: Mapping[str, Any], *, escape: bool) -> str:
    """Render a template; `escape` says whether the result is HTML, whose CSS is not inlined.

    Raises:
        RenderingFailed: the template doesn't fit the model.

    """
    return _run(template, _Scope(model), _escaped if escape else bytes)


def suggest_model(*templates: ParsedTemplate) -> dict[str, Any]:
    """Return a model that fills every variable of the templates, with values such as name_Value."""
    root = _Usage("")
    for template in templates:
        _run(template, root, bytes)
    return root.children_as_model()


def merge_models(suggested: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the suggested model with what was given put over it."""
    merged = dict(suggested)
    for key, value in given.items():
        below = merged.get(key)
        merged[key] = merge_models(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


class _Block(NamedTuple):
    kind: str
    path: str
    label: str
    place: int

    @property
    def closing(self) -> str:
        return "each" if self.kind == "each" else self.path


class _Translator:
    def __init__(self, source: str) -> None:
        self._source = source
        self._open: list[_Block] = []
        self._issues: list[SyntaxIssue] = []
        self._placeholders = 0

    def translate(self) -> ParsedTemplate:
        text = _TAG.sub(self._tag, self._source)
        for block in self._open:
            self._issue(f"The block that is opened here is never closed with {{{{/{block.closing}}}}}.", block.place)
        while self._open:
            text += f"\n{self._end()}"  # apart from a brace at the end
        return ParsedTemplate(text, self._issues, self._placeholders)

    def _tag(self, tag: re.Match[str]) -> str:
        sign, place = tag["sign"], tag.start()
        label = tag["label"] if tag["raw"] is None else tag["raw"]
        if _PLACEHOLDER.fullmatch(tag[0]):
            self._placeholders += 1
            return _CONTENT
        if _LEFT_ALONE.fullmatch(tag[0]):
            return "{{=<% %>=}}" + tag[0] + "<%={{ }}=%>"
        if sign in {"#", "^"}:
            return self._opened(sign, label, place)
        if sign == "/":
            return self._closed(label, place)
        if label is None:
            self._issue("The tag that begins here has no end.", place)
        elif sign != "!" and label.strip():
            path = self._path(label, place)
            return f"{{{{{path}}}}}" if sign == "" else f"{{{{{{{path}}}}}}}"
        return ""

    def _opened(self, sign: str, label: str, place: int) -> str:
        kind, ending = ("if" if sign == "#" else "unless"), ""
        if sign == "#" and label.startswith("each"):
            kind, label = "each", label[4:] if label.startswith("each ") else ""
        entered = self._path(label, place)
        path, last = label.strip(), self._open[-1] if self._open else None
        # A second test of the same path ends the first, like an else with one closing tag.
        if last and "each" not in {kind, last.kind} and last.path == path:
            ending = self._end()
        if len(self._open) == _DEEPEST:
            self._issue(f"Blocks are nested more than {_DEEPEST} deep.", place)
        if len(self._open) >= _DEEPEST:
            entered = "."
        self._open.append(_Block(kind, path, f"{kind} {entered}", place))
        return f"{ending}{{{{#{kind} {entered}}}}}"

    def _closed(self, label: str, place: int) -> str:
        wanted = self._open[-1].closing if self._open else None
        if wanted == (label if label.startswith("each") else label.strip()):
            return self._end()
        why = "no block is open" if wanted is None else f"the innermost block is closed with {{{{/{wanted}}}}}"
        self._issue(f"'{{{{/{label}}}}}' doesn't belong here: {why}.", place)
        return ""

    def _end(self) -> str:
        return f"{{{{/{self._open.pop().label}}}}}"

    def _path(self, label: str, place: int) -> str:
        path = label.strip()
        if path and not _BAD_PATH.search(path):
            return path
        self._issue(f"The path '{path}' is not valid." if path else "A path is missing here.", place)
        return "."

    def _issue(self, message: str, place: int) -> None:
        if len(self._issues) == _MOST_ISSUES:
            return  # nobody reads more, and to count the lines before each takes long
        line = self._source.count("\n", 0, place) + 1
        self._issues.append(SyntaxIssue(message, line, place - self._source.rfind("\n", 0, place)))


def _run(template: ParsedTemplate, scope: _Scope | _Usage, escape: Callable[[bytes], bytes]) -> str:
    rendered = mstache.render(
        _encoded(template.text),
        scope,
        getter=_get,
        escape=escape,
        resolver=lambda _: _encoded(template.content),
        keep_lines=True,
    )
    return rendered.decode(errors="surrogatepass")


def _get(scope: Any, _scopes: object, key: Any, _default: object = None) -> Any:
    """Return what a tag stands for: a text, or the scopes that a block is rendered in."""
    kind, _, path = key.decode().rpartition(" ")
    for step in _STEP.findall(path):
        # Going up too far stays at the root.
        scope = (scope.parent or scope) if step == "../" else scope.child(step)
    return scope.enter(kind, path) if kind else _encoded(scope.text())


def _encoded(text: str) -> bytes:
    # JSON may hold one half of a surrogate pair, which mstache can't encode.
    return text.encode(errors="surrogatepass")


def _escaped(text: bytes) -> bytes:
    return mstache.default_strict_escape(text).replace(b"'", b"&#39;")


@dataclass(frozen=True, slots=True)
class _Scope:
    """A value of the model, None for a missing one."""

    value: Any
    parent: _Scope | None = None

    def child(self, key: str) -> _Scope:
        return _Scope(self.value.get(key) if isinstance(self.value, Mapping) else None, self)

    def text(self) -> str:
        # Booleans read True and False at Postmark as they do here.
        return "" if self.value is None or isinstance(self.value, Mapping | list) else str(self.value)

    def enter(self, kind: str, path: str) -> list[_Scope]:
        # Falsy is what JavaScript calls falsy, and an empty list or object.
        if kind != "each":
            return [self] if bool(self.value) == (kind == "if") else []
        if self.value and not isinstance(self.value, list):
            raise RenderingFailed(f"'each' needs an array at '{path}', and the model has something else there.")
        # An item's parent is the list, so that reaching the list's owner takes ../../ as it does at Postmark.
        return [_Scope(item, self) for item in self.value or ()]


@dataclass(slots=True)
class _Usage:
    """How a template uses a value, from which an example of it can be made; it enters every block once."""

    key: str
    parent: _Usage | None = None
    printed: bool = False
    items: _Usage | None = None
    children: dict[str, _Usage] = field(default_factory=dict)

    def child(self, key: str) -> _Usage:
        return self.children.setdefault(key, _Usage(key, self))

    def text(self) -> str:
        self.printed = True
        return ""

    def enter(self, kind: str, _path: str) -> list[_Usage]:
        if kind != "each":
            return [self]
        self.items = self.items or _Usage("", self)
        return [self.items]

    def children_as_model(self) -> dict[str, Any]:
        return {key: child.as_model() for key, child in self.children.items()}

    def as_model(self) -> Any:
        if self.items is not None:
            return [self.items.children_as_model()] if self.items.children else [f"{self.key}_{n}" for n in (1, 2, 3)]
        if self.children or not self.printed:
            return self.children_as_model()
        return f"{self.key}_Value"
