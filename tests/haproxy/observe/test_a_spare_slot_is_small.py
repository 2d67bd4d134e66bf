"""How much memory a slot takes that nobody uses: what docs/serve.md and the metric say of it."""

from pathlib import Path

from haloy.proxies.haproxy.observe.capacity import SLOT_BYTES
from tests.support.small_haproxy import small_haproxy

SLOTS = 4_000
SLOT = """\
backend slot.0123456789abcdef.{number}
    log {log} len 1024 format raw local1 notice
    balance roundrobin
    timeout connect 5s
    timeout queue 5s
    retries 2
    option httpchk
    http-check send meth GET uri-lf %[be_name,map(maps/check-paths.map,/)] ver HTTP/1.1 hdr host a.example
    http-check expect status 200-399
    http-request set-timeout server var(txn.server_timeout) if {{ var(txn.server_timeout) -m found }}
    http-request set-timeout tunnel var(txn.tunnel_timeout) if {{ var(txn.tunnel_timeout) -m found }}
"""


async def resident(binary: Path, directory: Path, slots: int) -> int:
    """Bytes that a worker with so many slots has of its own."""
    directory.mkdir()
    async with small_haproxy(binary, directory) as small:
        (small.conf / "maps").mkdir()
        (small.conf / "maps" / "check-paths.map").touch()
        text = "".join(SLOT.format(number=number, log=small.files.health_socket) for number in range(slots))
        worker = await small.start("r1", text)
        rollup = Path(f"/proc/{worker}/smaps_rollup").read_text()
        return 1024 * sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:"))


async def test_about_as_much_as_is_said(tmp_path: Path, haproxy_binary: Path) -> None:
    without = await resident(haproxy_binary, tmp_path / "without", 0)
    with_slots = await resident(haproxy_binary, tmp_path / "with", SLOTS)
    each = (with_slots - without) / SLOTS
    assert 0.7 * SLOT_BYTES < each < 1.4 * SLOT_BYTES, f"{each:.0f} bytes each"
