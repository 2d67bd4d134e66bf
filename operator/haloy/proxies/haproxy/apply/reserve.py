"""Room on the disk for the day when it is full: files must be put right then before HAProxy can be started again."""

import os
from pathlib import Path

LEAST = 256 * 1024


class Reserve:
    """A file that takes room and says nothing. Blocking; used by one process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def hold(self, size: int) -> str:
        """Keep `size` bytes, and a quarter more, at least 256 kB. Returns why that cannot be, else ""."""
        wanted = max(LEAST, size * 5 // 4)
        try:
            if self._held() >= wanted:
                return ""
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, wanted)
            finally:
                os.close(descriptor)
        except OSError as error:
            self.release()
            return f"no {wanted} bytes are left to be kept for putting files right: {error.strerror}"
        return ""

    def release(self) -> bool:
        """Give the room back. Whether there was any."""
        held = self._held()
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return False
        return held > 0

    def _held(self) -> int:
        """What it takes of the disk; a file system may have promised more than it gave."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return 0
        return min(status.st_size, status.st_blocks * 512)
