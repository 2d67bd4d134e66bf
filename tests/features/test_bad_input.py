"""One bad object hurts nobody else, says what is wrong where, and nothing is lost."""

from collections.abc import Callable

import pytest

from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route

GOOD = "hosts: [good.test]\nrules: [{backendRefs: [{name: good}]}]"


@pytest.fixture(scope="module")
def served(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    product.write("good.yaml", backend("good", upstreams("good").endpoint) + route("good", GOOD))
    product.wait_condition("Route", "good", "Ready", "True")
    return product


def problems(product: Product) -> str:
    return " ".join(" ".join([item["place"], *item["messages"]]) for item in product.status()["problems"])


def test_a_syntax_error_is_reported_with_its_place_and_the_file_keeps_its_objects(served: Product) -> None:
    served.write("syntax.yaml", route("syntax", "hosts: [syntax.test]\nrules: [{backendRefs: [{name: good}]}]"))
    served.wait_answer("syntax.test", "/", lambda answer: answer.status == 200)
    served.write("syntax.yaml", "kind: Route\n  broken: [\n")
    eventually(lambda: problems(served), lambda text: "syntax.yaml:2:" in text)
    assert served.get("syntax.test").status == 200
    assert served.get("good.test").status == 200


def test_the_objects_of_a_broken_file_survive_a_restart(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = fresh()
    product.write("all.yaml", backend("good", upstreams("good").endpoint) + route("good", GOOD))
    product.start()
    product.wait_answer("good.test", "/", lambda answer: answer.status == 200)
    product.write("all.yaml", "][")
    eventually(lambda: problems(product), lambda text: "all.yaml:1:" in text)
    product.stop()
    product.start()
    assert product.get("good.test").status == 200
    assert "all.yaml:1:" in problems(product)


def test_a_schema_error_keeps_the_last_valid_version_in_force(served: Product) -> None:
    served.write("schema.yaml", route("schema", "hosts: [schema.test]\nrules: [{backendRefs: [{name: good}]}]"))
    served.wait_answer("schema.test", "/", lambda answer: answer.status == 200)
    served.write("schema.yaml", route("schema", "hosts: [schema.test]\nruels: [{backendref: [{name: good}]}]"))
    accepted = served.wait_condition("Route", "schema", "Accepted", "False", "Invalid")
    assert 'did you mean "rules"?' in accepted["message"]
    assert "stays in force" in accepted["message"]
    assert served.get("schema.test").status == 200


def test_a_missing_backend_answers_500_for_its_share_and_the_rest_works(served: Product) -> None:
    spec = "hosts: [half.test]\nrules: [{backendRefs: [{name: good, weight: 1}, {name: goood, weight: 1}]}]"
    served.write("half.yaml", route("half", spec))
    resolved = served.wait_condition("Route", "half", "ResolvedRefs", "False", "BackendNotFound")
    assert "goood" in resolved["message"]
    assert "did you mean good?" in resolved["message"]
    statuses = {served.get("half.test").status for _ in range(40)}
    assert statuses == {200, 500}


def test_conflicting_matches_name_the_winner(served: Product) -> None:
    served.write("zz.yaml", route("zz", GOOD))
    accepted = served.wait_condition("Route", "zz", "Accepted", "False", "Conflicted")
    assert "default/good" in accepted["message"]
    assert served.get("good.test").upstream == "good"


def test_the_directory_vanishing_for_a_moment_wipes_nothing(served: Product) -> None:
    many = "".join(
        route(f"many{n}", f"hosts: [many{n}.test]\nrules: [{{backendRefs: [{{name: good}}]}}]") for n in range(25)
    )
    served.write("many.yaml", many)
    served.wait_answer("many24.test", "/", lambda answer: answer.status == 200)
    aside = served.directory.with_name("aside")
    served.directory.rename(aside)
    for _ in range(20):
        assert served.get("good.test").status == 200
    aside.rename(served.directory)
    served.write("after.yaml", route("after", "hosts: [after.test]\nrules: [{backendRefs: [{name: good}]}]"))
    served.wait_answer("after.test", "/", lambda answer: answer.status == 200)
    assert served.get("many3.test").status == 200
