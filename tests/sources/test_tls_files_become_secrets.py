"""`tls.crtFile` and `tls.keyFile` are read, watched, and kept when they cannot be read."""

from pathlib import Path

from haloy.api.snapshot import Snapshot
from tests.sources.manifests import ref, route, serving

SECRET = ref("Secret", "shop.tls-files")
WITH_TLS = route("shop").replace("spec:\n", "spec:\n  tls: {crtFile: tls/shop.crt, keyFile: tls/shop.key}\n")


def write(folder: Path, text: str) -> None:
    (folder / "tls").mkdir(exist_ok=True)
    for end in ("crt", "key"):
        (folder / "tls" / f"shop.{end}").write_text(f"{text} {end}")


def certificate(snapshot: Snapshot) -> bytes:
    secret = snapshot.objects.get(SECRET)
    return secret.certificate.reveal() if secret is not None else b""


async def test_the_files_are_relative_to_the_manifest_and_watched(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text(WITH_TLS)
    write(tmp_path / "sub", "first")
    async with serving(tmp_path) as running:
        snapshot = await running.synced()
        assert certificate(snapshot) == b"first crt"
        assert snapshot.objects[SECRET].key.reveal() == b"first key"
        assert snapshot.rejections == ()
        write(tmp_path / "sub", "second")
        snapshot = await running.until(lambda s: certificate(s) == b"second crt", "the new certificate")


async def test_a_missing_file_keeps_the_certificate_and_is_reported(tmp_path: Path) -> None:
    routes, state = tmp_path / "routes", tmp_path / "state"
    routes.mkdir()
    (routes / "a.yaml").write_text(WITH_TLS)
    write(routes, "first")
    async with serving(routes, state) as running:
        await running.synced()
        (routes / "tls" / "shop.key").unlink()
        snapshot = await running.until(lambda s: s.rejections != (), "the missing key is reported")
        (rejection,) = snapshot.rejections
        assert (rejection.ref, rejection.kept) == (SECRET, True)
        assert rejection.problems == (
            f"spec.tls.keyFile: {routes / 'tls' / 'shop.key'} cannot be read: No such file or directory",
        )
        assert certificate(snapshot) == b"first crt"
        write(routes, "second")
        await running.until(lambda s: certificate(s) == b"second crt" and s.rejections == (), "all is well again")


async def test_a_route_whose_files_never_were_there_is_still_a_route(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(WITH_TLS)
    async with serving(tmp_path) as running:
        snapshot = await running.synced()
        assert list(snapshot.objects) == [ref("Route", "shop")]
        assert [(rejection.ref, rejection.kept) for rejection in snapshot.rejections] == [(SECRET, False)]


async def test_no_content_shows_in_any_message(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(WITH_TLS)
    write(tmp_path, "")
    for end in ("crt", "key"):
        (tmp_path / "tls" / f"shop.{end}").write_text("")
    async with serving(tmp_path) as running:
        snapshot = await running.synced()
        assert "1 to 1048576 bytes" in str(snapshot.rejections)
        write(tmp_path, "private")
        snapshot = await running.until(lambda s: SECRET in s.objects, "the secret")
        assert "private" not in repr(snapshot)
