"""Whatever is printed of a file with keys in it, the keys are not."""

from haloy.sources.manifest import read_manifest
from haloy.sources.yaml_documents import Unreadable, read_yaml

SECRET = """\
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: shop}
stringData: {tls.crt: certificate, tls.key: hush}
"""


def test_valid_objects_show_no_content() -> None:
    found = read_manifest("a.yaml", SECRET.encode(), {})
    assert len(found.objects) == 1
    assert "hush" not in repr(found)
    assert "hush" not in repr(read_yaml(SECRET.encode()))


def test_rejections_show_no_content() -> None:
    for wrong in (
        SECRET.replace("hush", "12345"),
        SECRET.replace("hush", "!!int hush"),
        SECRET.replace("tls.crt", "x"),
    ):
        found = read_manifest("a.yaml", wrong.encode(), {})
        assert found.rejections != ()
        assert "hush" not in repr(found)
        assert "12345" not in repr(found)


def test_what_cannot_be_parsed_shows_no_content() -> None:
    for wrong in (SECRET.replace("hush}", "hush"), SECRET.replace("hush", "[hush"), SECRET.replace("hush", "'hush")):
        try:
            read_yaml(wrong.encode())
        except Unreadable as error:
            shown = str(error)
        else:
            shown = "hush"
        assert "hush" not in shown
