"""How HAProxy cuts a configuration line into words (configuration manual, section 2.2), written from the manual alone."""

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class Expansion(Exception):
    """The line would insert something from the environment."""


def words(line: str) -> list[str]:
    """The words of one line. Raises Expansion for an unquoted or weakly quoted `$`, ValueError for an open quote."""
    found: list[str] = []
    current: str | None = None
    position, quote = 0, ""
    while position < len(line):
        character = line[position]
        position += 1
        if quote == "'":
            if character == "'":
                quote = ""
            else:
                current = (current or "") + character
        elif character == "\\":
            following = line[position]
            position += 1
            current = (current or "") + _ESCAPES.get(following, following)
        elif character == '"':
            quote = "" if quote else '"'
            current = current or ""
        elif quote == '"':
            if character == "$":
                raise Expansion(line)
            current = (current or "") + character
        elif character == "'":
            quote = "'"
            current = current or ""
        elif character in " \t":
            if current is not None:
                found.append(current)
            current = None
        elif character == "#":
            break
        else:
            current = (current or "") + character
    if quote:
        raise ValueError(f"an open quote: {line}")
    return found if current is None else [*found, current]


def config_words(text: str) -> list[list[str]]:
    """All lines that are not empty, as words."""
    return [found for line in text.split("\n") if (found := words(line))]
