from tests.cli.command import EXAMPLES, haloy


def test_a_route_is_explained_from_files() -> None:
    outcome = haloy("explain", "route/default/shop", "-f", EXAMPLES / "quickstart")
    assert (outcome.code, outcome.err) == (0, "")
    for word in ("shop.localhost", "default/api", "127.0.0.1:9002", "shop.yaml"):
        assert word in outcome.out


def test_a_backend_and_a_policy_are_explained_from_files() -> None:
    for ref in ("backend/default/shop", "HealthPolicy/default/quick"):
        assert haloy("explain", ref, "-f", EXAMPLES / "quickstart").code == 0


def test_an_object_that_is_not_there_is_said() -> None:
    outcome = haloy("explain", "route/default/none", "-f", EXAMPLES / "quickstart")
    assert outcome.code == 1
    assert "there is no route/default/none in the files" in outcome.err
