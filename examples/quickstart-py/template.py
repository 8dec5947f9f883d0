"""Prompt templates: `System:`, `User:` and `Assistant:` begin sections, and
`${name}` stands for a value. `$${name}` is the literal text `${name}`.
"""

import re
from collections.abc import Callable, Mapping

from wit_world.imports.types import ContentPart_Text, Message, Role


def render(template: str, values: Mapping[str, str], missing: Callable[[str], None]) -> list[Message]:
    """Returns the messages that a template makes.

    A name without a value is empty, and `missing` is told of it.
    """
    # Sections are found before a value is put in, so a value cannot begin one.
    # What stands above the first header belongs to the user.
    parts = ["User", *re.split(r"(?m)^(System|User|Assistant):", template)]
    sections = [(role, text.strip()) for role, text in zip(parts[::2], parts[1::2])]
    return [
        Message(Role[role.upper()], [ContentPart_Text(fill(text, values, missing))], [], None)
        for role, text in sections
        if text
    ]


def fill(section: str, values: Mapping[str, str], missing: Callable[[str], None]) -> str:
    """Puts the values in, in one pass: one that holds `${…}` is not looked into again."""

    def replace(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        if match[1] not in values:
            missing(match[1])
        return values.get(match[1], "")

    return re.sub(r"\$?\$\{([^}]*)\}", replace, section)
