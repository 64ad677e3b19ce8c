"""What a crash report shows of an exception."""

from __future__ import annotations

import os
import traceback


def format_everything(error: BaseException, *, with_locals: bool = True) -> str:
    """Return all that a log or a crash report might show of an exception and its causes."""
    report = traceback.TracebackException.from_exception(error, capture_locals=with_locals)
    return os.linesep.join([*report.format(chain=True), str(error), repr(error), repr(error.args), repr(vars(error))])
