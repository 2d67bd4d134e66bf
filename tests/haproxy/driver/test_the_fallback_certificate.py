from datetime import UTC, datetime, timedelta
from pathlib import Path

from haloy.proxies.haproxy.process.fallback import fallback_pem

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "fallback.pem"
    made = fallback_pem(path, NOW)
    assert fallback_pem(path, NOW + timedelta(days=1000)) == made
    assert path.stat().st_mode & 0o077 == 0


def test_it_is_made_anew_before_it_expires_or_when_damaged(tmp_path: Path) -> None:
    path = tmp_path / "fallback.pem"
    made = fallback_pem(path, NOW)
    later = fallback_pem(path, NOW + timedelta(days=3400))
    assert later != made
    path.write_bytes(later[:100])
    assert fallback_pem(path, NOW + timedelta(days=3400)) not in (later, made)
