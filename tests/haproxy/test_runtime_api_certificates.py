"""Certificates at run time: transactions, read-back, and keys that never show."""

from pathlib import Path

import pytest
import trustme

from haloy.model.secret import SecretBytes
from haloy.proxies.haproxy.runtime.cli_parsers import parse_certificate_names, parse_crt_list
from haloy.proxies.haproxy.runtime.runtime_api import CommandFailed, RuntimeApi, command
from tests.support.ports import free_port
from tests.support.small_haproxy import SmallHaproxy, small_haproxy

SECTIONS = """\
frontend tls
    bind 127.0.0.1:{port} ssl crt-list {assets}/list
    http-request return status 200
backend b
    server s 127.0.0.1:1 ssl ca-file {assets}/ca.pem
"""


def pem(authority: trustme.CA, name: str) -> bytes:
    issued = authority.issue_cert(name)
    return issued.private_key_and_cert_chain_pem.bytes()


async def started(haproxy: SmallHaproxy, authority: trustme.CA) -> RuntimeApi:
    assets = haproxy.conf.parent / "assets"
    assets.mkdir()
    (assets / "one.pem").write_bytes(pem(authority, "one.test"))
    (assets / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (assets / "list").write_text(f"{assets}/one.pem one.test\n")
    await haproxy.start("r1", SECTIONS.format(port=free_port(), assets=assets))
    return haproxy.runtime


async def test_a_new_certificate_is_loaded_listed_and_removed(haproxy_binary: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy, authority)
        crt_list = f"{tmp_path}/assets/list"
        await api.call("new", "ssl", "cert", "two.pem")
        await api.call("set", "ssl", "cert", "two.pem", payload=pem(authority, "two.test"))
        assert parse_certificate_names(await api.call("show", "ssl", "cert")).transaction == "two.pem"
        await api.call("commit", "ssl", "cert", "two.pem")
        await api.call("add", "ssl", "crt-list", crt_list, payload="two.pem [alpn h2,http/1.1] two.test *.two.test\n")
        entries = parse_crt_list(await api.call("show", "ssl", "crt-list", "-n", crt_list))
        assert [(entry.path, entry.line, entry.filters) for entry in entries] == [
            (f"{tmp_path}/assets/one.pem", 1, ("one.test",)),
            ("two.pem", 2, ("two.test", "*.two.test")),
        ]
        await api.call("del", "ssl", "crt-list", crt_list, "two.pem:2")
        await api.call("del", "ssl", "cert", "two.pem")
        names = parse_certificate_names(await api.call("show", "ssl", "cert"))
        assert (names.names, names.transaction) == ((f"{tmp_path}/assets/one.pem",), None)


async def test_a_ca_file_is_loaded_and_replaced(haproxy_binary: Path, tmp_path: Path) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy, trustme.CA())
        await api.call("new", "ssl", "ca-file", "new.pem")
        for authority in (trustme.CA(), trustme.CA()):
            await api.call("set", "ssl", "ca-file", "new.pem", payload=authority.cert_pem.bytes())
            await api.call("commit", "ssl", "ca-file", "new.pem")
        assert "new.pem" in parse_certificate_names(await api.call("show", "ssl", "ca-file")).names
        await api.call("del", "ssl", "ca-file", "new.pem")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("new ssl cert {dir}/one.pem", "already exists"),
        ("commit ssl cert {dir}/one.pem", "No ongoing transaction"),
        ("abort ssl cert {dir}/one.pem", "No ongoing transaction"),
        ("del ssl cert {dir}/one.pem", "in use"),
        ("del ssl cert none", "doesn't exist"),
        ("show ssl cert none", "Can't display"),
        ("add ssl crt-list {dir}/list none.pem", "does not exist"),
        ("del ssl crt-list {dir}/list none.pem", "does not exist"),
        ("commit ssl ca-file {dir}/ca.pem", "No ongoing transaction"),
        ("add server b/s 127.0.0.1:1", "Already exists"),
        ("add server none/s 127.0.0.1:1", "No such backend"),
        ("add server b/t 127.0.0.1:1 frob", "unknown keyword"),
        ("del server b/s", "Only servers in maintenance"),
        ("del server b/none", "No such server"),
        ("enable health b/none", "No such server"),
        ("enable agent b/s", "Agent was not configured"),
        ("set server b/s weight 999", "Absolute weight"),
        ("set server b/s state frob", "expects"),
        ("set server b/s addr nonsense", "Invalid addr"),
        ("set server b/none state ready", "No such server"),
        ("shutdown sessions server b/none", "No such server"),
        ("add map none a b", "Unknown map"),
        ("set map none a b", "Unknown map"),
        ("show map none", "Unknown map"),
        ("get var proc.none", "Variable not found"),
        ("set var proc.x str(1)", "experimental"),
        ("show table none", "No such table"),
        ("show stat none 4 -1", "No such proxy"),
        ("show servers state none", "Can't find backend"),
        ("frobnicate", "Unknown command"),
    ],
)
async def test_a_refusal_is_an_error(haproxy_binary: Path, tmp_path: Path, words: str, answer: str) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy, trustme.CA())
        with pytest.raises(CommandFailed, match=answer):
            await api.run([words.format(dir=tmp_path / "assets")])


@pytest.mark.parametrize(
    "words",
    [
        "set server b/s addr 127.0.0.1 port 1",
        "set server b/s addr 127.0.0.2 port 2",
        "set server b/s weight 3",
        "set server b/s state drain",
        "set server b/s health down",
        "disable server b/s",
        "disable health b/s",
        "disable agent b/s",
        "shutdown sessions server b/s",
        "add server b/t 127.0.0.1:1 check id 44",
        "show table",
        "show servers state",
        "show stat",
        "show ssl crt-list",
        "experimental-mode on",
    ],
)
async def test_what_happened_is_no_error(haproxy_binary: Path, tmp_path: Path, words: str) -> None:
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy, trustme.CA())
        await api.run([words])


async def test_a_key_shows_nowhere(haproxy_binary: Path, tmp_path: Path) -> None:
    key = "MIIEsecretsecretsecretsecret"
    broken = SecretBytes(f"-----BEGIN PRIVATE KEY-----\n\n{key}\n".encode())
    async with small_haproxy(haproxy_binary, tmp_path) as haproxy:
        api = await started(haproxy, trustme.CA())
        item = command("set", "ssl", "cert", f"{tmp_path}/assets/one.pem", payload=broken)
        (answer,) = await api.attempt([item])
        assert answer.failed
        assert key not in f"{item} {item!r} {answer} {answer!r}"
        with pytest.raises(CommandFailed) as failure:
            await api.run([item])
        assert key not in f"{failure.value} {failure.value.command} {failure.value.answer}"
        quoting = command("add", "ssl", "crt-list", f"{tmp_path}/assets/list", payload=f"{key}\n")
        (quoted,) = await api.attempt([quoting])
        assert quoted.failed
        assert key not in repr(quoted)
    assert all(key not in message.text for message in haproxy.messages)
