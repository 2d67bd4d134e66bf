"""Templates print and never decide: they get finished tokens, and refuse anything else."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from haloy.proxies.haproxy.render.tokens import Token


def print_template(template: str, **values: object) -> str:
    """The text of one section.

    Raises:
        TypeError: the template prints something that is no Token.
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("haloy.proxies.haproxy.render"),
        undefined=StrictUndefined,
        autoescape=False,  # configuration text, not HTML: `_token` is the guard
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_token,
    )


def _token(value: object) -> str:
    if isinstance(value, StrictUndefined):
        return str(value)  # raises UndefinedError with the value's name
    if not isinstance(value, Token):
        raise TypeError(f"a template may print tokens only, not {value!r}")
    return value.text
