"""Rows of a file that can't be used: left out, counted and named, and too many of them are an error."""

import dataclasses
import sys

from cli import InputError

LIMIT = 100  # of a file, unless --max_bad_rows says otherwise


@dataclasses.dataclass
class BadRows:
    """The unusable rows of one file.

    Attributes:
        path: of the file.
        at_most: stop at once when there are more, for files too long to be read in vain; None waits for `check`.
        found: `path:line: reason` of each.
    """

    path: str
    at_most: int | None = None
    found: list[str] = dataclasses.field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        """Notes a row.

        Raises:
            InputError: there are more than `at_most`; names the first.
        """
        self.found.append(f"{self.path}:{line}: {reason}")
        if self.at_most is not None and len(self.found) > self.at_most:
            raise InputError(
                f"{self.found[0]} (more unusable rows in this file than --max_bad_rows {self.at_most})"
                if self.at_most
                else f"{self.found[0]} (--max_bad_rows 100 leaves up to 100 such rows out)"
            )

    def check(self, limit: int) -> None:
        """Names the rows that are left out.

        Raises:
            InputError: there are more than `limit`; names the first.
        """
        if len(self.found) > limit:
            raise InputError(
                f"{self.found[0]} ({len(self.found)} unusable rows in this file, more than --max_bad_rows {limit})"
            )
        if self.found:
            print(f"{self.path}: {len(self.found)} rows left out:", *self.found, sep="\n  ", file=sys.stderr)
