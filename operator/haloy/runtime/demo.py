"""The upstreams of the quickstart as child processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

UPSTREAMS = (("v1", 9001), ("v2", 9002))
"""Name and port, as examples/quickstart has them. (It has port 9003 too, where nobody listens on purpose.)"""


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
