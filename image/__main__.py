"""`make image` and `make image-lock`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from image import base
from image.build import LOCK, build, build_tree, from_lock, origin_of_checkout
from image.debian import ARCHITECTURES, Lock, Mirrors, UnavailableError, newest
from image.stages import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 with the reason on standard error."""
    options = _parser().parse_args(arguments)
    try:
        if options.relock:
            _relock(options.cache, _mirrors(options)).write(LOCK)
            _say(f"{LOCK.relative_to(ROOT)}")
            return 0
        wanted = from_lock(options.cache, _mirrors(options), or_newest=options.or_newest)
        if wanted.lock != Lock.read(LOCK):
            _warn("Not every locked Debian package is to be had: this image has newer ones, and its own digest.")
        if options.trees is not None:
            build_tree(wanted, options.trees)
            return 0
        version = origin_of_checkout().version
        reference = options.reference or f"docker.io/haloy/haloy:{version}"
        written = build(wanted, reference, options.output or ROOT / "dist" / f"haloy-{version}.oci.tar")
    except UnavailableError as error:
        _warn(f"The image cannot be built: {error}")
        return 1
    size = written.path.stat().st_size
    _say(
        f"{written.path}\n  {written.reference}, {size / 1e6:.1f} MB\n  digest {written.digest}\n  id     {written.image_id}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "haloy" / "image"
    parser = argparse.ArgumentParser(
        prog="python -m image", description="Build haloy's container image, without Docker and without root."
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="[dist/haloy-VERSION.oci.tar]")
    parser.add_argument("--reference", metavar="NAME:TAG", help="the image's name [docker.io/haloy/haloy:VERSION]")
    parser.add_argument(
        "--trees", type=Path, metavar="DIR", help="the layers as folders instead, for the Containerfile"
    )
    parser.add_argument("--cache", type=Path, default=cache, metavar="DIR", help="[%(default)s]")
    parser.add_argument(
        "--relock", action="store_true", help="write image/debian.lock anew instead, with today's packages"
    )
    parser.add_argument(
        "--or-newest", action="store_true", help="if a locked package is gone from the mirror, take its successor"
    )
    parser.add_argument(
        "--snapshot", metavar="URL", help="a Debian archive of the lock's day: http://HOST/archive/{}/TIME"
    )
    return parser


def _relock(cache: Path, mirrors: Mirrors | None) -> Lock:
    found = (newest(base.PACKAGES, base.SUITE, each, cache / "debs", mirrors) for each in ARCHITECTURES)
    return Lock(base.SUITE, int(time.time()), tuple(package for packages in found for package in packages))


def _mirrors(options: argparse.Namespace) -> Mirrors | None:
    if options.snapshot is None:
        return None
    return Mirrors(options.snapshot.format("debian"), options.snapshot.format("debian-security"), snapshot=True)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _warn(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
