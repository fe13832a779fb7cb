"""The rules of lint, one per code. Adding a rule is one module with a `Rule` and one line of `RULES`."""

from dbxexplore.filters.lint.rules.base import Rule
from dbxexplore.filters.lint.rules.blanks import BlanksAsUnderscores, StrayBlanks
from dbxexplore.filters.lint.rules.dialect_dependent import DialectDependent
from dbxexplore.filters.lint.rules.intended import Intended
from dbxexplore.filters.lint.rules.matches import AllowUndone, DeadPattern, OverMatch, ShadowedPattern
from dbxexplore.filters.lint.rules.names import BareName, MetastoreName, QualifiedName, UnescapedDot, WrongLevel
from dbxexplore.filters.lint.rules.unusable import InvalidPattern, SlowPattern
from dbxexplore.filters.lint.rules.views import DropsViews

__all__ = ["RULES", "Rule"]

# In this order the findings on a pattern are reported; of those that explain why it matches nothing, the first.
RULES: list[Rule] = [
    InvalidPattern(),
    Intended("glob-pattern", "glob?"),
    Intended("sql-pattern", "SQL?"),
    Intended("quoted-pattern", "quotes?"),
    Intended("list-pattern", "list?"),
    Intended("negated-pattern", "negated?"),
    StrayBlanks(),
    BlanksAsUnderscores(),
    BareName(),
    QualifiedName(),
    MetastoreName(),
    WrongLevel(),
    DeadPattern(),
    SlowPattern(),
    UnescapedDot(),
    OverMatch(),
    ShadowedPattern(),
    AllowUndone(),
    DialectDependent(),
    DropsViews(),
]
