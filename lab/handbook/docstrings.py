"""Docstrings as markdown: parameters become lists, examples become code, the rest stays as it was written."""

import re
import textwrap
from collections.abc import Iterator
from itertools import groupby

ENTRY = re.compile(r"(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*) : (.*)")


def markdown(text: str) -> str:
    """A docstring in markdown.

    >>> markdown("Parameters\\n----------\\na, b : terms,\\n    in ns")
    '**Parameters**\\n\\n- `a, b`: terms, in ns'
    """
    text = re.sub(r"^(\w+)\n-{3,}\n", r"**\1**\n\n", text, flags=re.MULTILINE)
    blocks = (block for block in re.split(r"\n\s*\n", text) if block.strip())
    return "\n\n".join(_merged(blocks))


def _merged(blocks: Iterator[str]) -> Iterator[str]:
    for is_code, every in groupby(blocks, key=lambda block: block.lstrip().startswith(">>>")):
        if is_code:
            yield "```python\n" + "\n\n".join(every) + "\n```"
        else:
            yield from map(_prose, every)


def _prose(block: str) -> str:
    """A paragraph; an indented one is code, lines of `name : text` become a list."""
    if block.startswith("    "):
        return f"```python\n{textwrap.dedent(block)}\n```"
    items: list[str] = []
    for line in block.splitlines():
        if entry := ENTRY.fullmatch(line):
            items.append(f"- `{entry[1]}`: {entry[2]}")
        elif items and line.startswith(" "):
            items[-1] += " " + line.strip()
        else:
            items.append(line)
    return "\n".join(items)
