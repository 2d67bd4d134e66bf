"""The images that end-to-end tests run, made from our own sources: `pause` (a pod's sandbox) and `echo` (tells what it received).

    path = build("echo")                 # an OCI layout tar: ctr -n k8s.io images import PATH
    name = reference("echo")             # haloy.test/echo:4f1c0a9e2b7d, the name it has after the import

Each is one static Go program, so a folder here is all there is to an image. The tag is a hash of what makes the image (sources, Go's
version, this builder), which is also how a built image is found again in the cache: an edit needs no cleaning up, and a pod that
runs an old one says so. Pods use `imagePullPolicy: Never`. What echo understands: docs/image.md.
"""

from e2e.images.compiled import NAMES, Name, NotBuildableError, build, reference

__all__ = ["NAMES", "Name", "NotBuildableError", "build", "reference"]
