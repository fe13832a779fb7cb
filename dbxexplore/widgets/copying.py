"""Text with a button that copies it, without the kernel: the clipboard only takes what a click gives it."""

from __future__ import annotations

import html

from dbxexplore.text import visible_html

# The button says that the text was copied once the browser has taken it; where it refuses, the text is selected instead.
ON_CLICK = (
    "const box=this.parentElement,code=box.querySelector('code'),say=(text)=>{box.querySelector('output').textContent=text},"
    "blocked=()=>{getSelection().selectAllChildren(code);say('Copy was blocked – press Ctrl+C.')};"
    "navigator.clipboard?navigator.clipboard.writeText(code.dataset.text||code.textContent).then(()=>say('Copied'),blocked):blocked()"
)


def copyable_html(text: str) -> str:
    """Return lines of text as markup with a button that copies them as they are."""
    shown = visible_html(text)
    return (
        f'<div><button type="button" class="dbxe-copy-text" onclick="{html.escape(ON_CLICK)}">Copy</button> <output></output>'
        f"<pre class='dbxe-text' tabindex='0'><code data-text='{html.escape(text)}'>{shown}</code></pre></div>"
    )
