"""Names that a page must show as text."""

HOSTILE = "<img src=x onerror=alert(1)>"
