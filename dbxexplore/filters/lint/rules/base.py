"""What a rule of lint is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbxexplore.filters.lint.context import Context, Judged
from dbxexplore.filters.lint.findings import Finding, Severity
from dbxexplore.filters.patterns import Level


class Rule:
    """One code of lint. To add one, derive from this and add an instance to `dbxexplore.filters.lint.rules.RULES`.

    Attributes:
        code: the stable name of what it finds, in kebab case.
        severity: of its findings, unless one of them says otherwise.
        short: two or three words for the editor, beside the row of a pattern.
        explains_no_match: whether it is one of the reasons why a pattern does not do what was meant, of which only
            the first that applies is reported.
    """

    code: str
    severity: Severity = "warning"
    short: str
    explains_no_match = False

    def check(self, context: Context, pattern: Judged) -> Finding | None:  # noqa: ARG002 - for the rules to define
        """Return what is wrong with one valid pattern, if anything."""
        return None

    def check_level(self, context: Context, level: Level) -> Iterator[Finding]:  # noqa: ARG002
        """Yield what is wrong with the lists of one level."""
        return iter(())

    def finding(  # noqa: PLR0913 - what a finding has
        self,
        pattern: Judged,
        message: str,
        remedy: str,
        examples: Sequence[str] = (),
        *,
        severity: Severity | None = None,
        replacements: Sequence[str] = (),
        in_other_list: bool = False,
    ) -> Finding:
        """Return a finding on one pattern."""
        place = (pattern.level, pattern.list, pattern.index)
        return Finding(
            self.code,
            severity or self.severity,
            *place,
            pattern.text,
            message,
            remedy,
            tuple(examples),
            tuple(replacements),
            in_other_list,
        )
