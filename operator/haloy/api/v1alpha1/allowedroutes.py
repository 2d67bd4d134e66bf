"""Who may refer to a Backend: namespaces, by name or by label."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from haloy.api.v1alpha1.base import ApiModel
from haloy.api.v1alpha1.lists import ListSet
from haloy.api.v1alpha1.patterns import LABEL_KEY, LABEL_VALUE
from haloy.api.v1alpha1.rule import Rule

LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317, pattern=LABEL_KEY)]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=LABEL_VALUE)]


class LabelRequirement(ApiModel):
    """A condition on one label."""

    key: LabelKey = Field(description="Name of the label.", examples=["team"])
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="In, NotIn, Exists or DoesNotExist.", examples=["In"]
    )
    values: Annotated[tuple[LabelValue, ...], Field(strict=False, max_length=16), ListSet()] = Field(
        default=(), description="Values, exactly for In and NotIn.", examples=[["shop", "web"]]
    )
    RULES: ClassVar = (
        Rule(
            "values-with-operator",
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
            "values are given exactly when operator is In or NotIn",
            lambda item: (item.operator in ("In", "NotIn")) == bool(item.values),
            field="values",
        ),
    )

    def holds(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(ApiModel):
    """A selector as everywhere in Kubernetes: all conditions hold; without conditions it selects everything."""

    match_labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=16)] = Field(
        default={}, description="Labels and the values that they must have.", examples=[{"team": "shop"}]
    )
    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(strict=False, max_length=16)] = Field(
        default=(), description="Further conditions on labels.", examples=[[{"key": "team", "operator": "Exists"}]]
    )

    def selects(self, labels: Mapping[str, str]) -> bool:
        exact = all(labels.get(key) == value for key, value in self.match_labels.items())
        return exact and all(requirement.holds(labels) for requirement in self.match_expressions)


class AllowedNamespaces(ApiModel):
    """The namespaces whose Routes may refer to the Backend."""

    from_: Literal["Same", "All", "Selector"] = Field(
        default="Same",
        alias="from",
        description="Same: the Backend's own namespace only; All; Selector: those that selector selects.",
        examples=["Selector"],
    )
    selector: LabelSelector | None = Field(
        default=None,
        description="Selects namespaces by their labels; exactly with from: Selector.",
        examples=[{"matchLabels": {"team": "shop"}}],
    )
    RULES: ClassVar = (
        Rule(
            "selector-with-from",
            "(self.from == 'Selector') == has(self.selector)",
            "selector is given exactly when from is Selector",
            lambda namespaces: (namespaces.from_ == "Selector") == (namespaces.selector is not None),
            field="selector",
        ),
    )


class AllowedRoutes(ApiModel):
    """Who may refer to the Backend."""

    namespaces: AllowedNamespaces = Field(
        default=AllowedNamespaces(),
        description="The namespaces whose Routes may refer to it.",
        examples=[{"from": "All"}],
    )
