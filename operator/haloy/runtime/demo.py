"""The upstreams of the quickstart as child processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

UPSTREAMS = (("v1", 9001), ("v2", 9002))
"""Name and port, as examples/quickstart has them. (It has port 9003 too, where nobody listens on purpose.)"""


def demo_lines(http: int, https: int) -> list[str]:
    """What to try, for the ports at hand. (curl and browsers take every name below .localhost for this machine.)"""
    return [
        "try:",
        f"  curl http://shop.localhost:{http}/              two endpoints, one of them down on purpose",
        f"  curl http://shop.localhost:{http}/api/items     a path split, rewritten to /items",
        f"  curl http://canary.localhost:{http}/            nine of ten to v1, one to v2",
        f"  curl -i http://secure.localhost:{http}/         308 to HTTPS",
        f"  curl -k https://secure.localhost:{https}/        with a self-signed certificate",
    ]


@contextmanager
def demo_upstreams(wanted: bool) -> Iterator[None]:
    """Run them as long as the block does. They end with this process, however it ends."""
    running = [
        subprocess.Popen([sys.executable, "-m", "haloy.demo", name, str(port)], stdin=subprocess.DEVNULL)
        for name, port in (UPSTREAMS if wanted else ())
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
