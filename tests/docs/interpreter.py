"""Runs the Python blocks of a page, one after the other, in one set of names.

Standard input: a line of JSON for each block, `[page, line, code]`; standard output: a line `true` or `false`
for each. What blocks print, and their tracebacks, go to standard error.
"""

import json
import os
import sys
import traceback


def main() -> None:
    """Run blocks until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    names: dict[str, object] = {"__name__": "__main__"}
    for request in sys.stdin:
        answers.write(json.dumps(_run(names, *json.loads(request))) + "\n")


def _run(names: dict[str, object], page: str, line: int, code: str) -> bool:
    # Empty lines in front give tracebacks the lines of the page.
    padding = "\n" * (line - 1)
    try:
        exec(compile(padding + code, page, "exec"), names)
    except (Exception, SystemExit):
        traceback.print_exc()
        return False
    finally:
        sys.stdout.flush()
    return True


if __name__ == "__main__":
    main()
