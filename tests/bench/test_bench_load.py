"""What counts as an answer for the load generator."""

import pytest

from bench.load import is_complete

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("response", "complete"),
    [
        (HEAD + b"Content-Length: 3\r\n", False),
        (HEAD + b"Content-Length: 3\r\n\r\nab", False),
        (HEAD + b"content-length: 3\r\n\r\nabc", True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_is_complete_when_its_framing_says_so(response: bytes, complete: bool) -> None:
    assert is_complete(response) is complete


def test_an_answer_without_framing_is_refused_rather_than_awaited() -> None:
    with pytest.raises(ValueError, match="without framing"):
        is_complete(HEAD + b"Connection: close\r\n\r\nabc")
