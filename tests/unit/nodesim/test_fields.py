"""Values that a person wrote: each way to read one checks it and tells where it stands."""

import math

import pytest

from nodesim.fields import NUMBER_MAX, BadField, Field, Place

PLACE = Place("pods.yaml", "document 2", "spec")


def field(value: object) -> Field:
    """Return a value in a file."""
    return Field(value, PLACE)


def test_a_place_names_file_part_and_path() -> None:
    """What is not known is left out."""
    assert "pods.yaml, document 2, spec" == str(PLACE)
    assert "pods.yaml" == str(Place("pods.yaml"))


def test_an_error_says_what_is_wrong_where_and_what_would_be_right() -> None:
    """All three are fields of the error, too."""
    error = field({"replicas": "two"}).get("replicas").bad("a whole number")
    assert ("two", "a whole number", "spec.replicas") == (
        error.value,
        error.allowed,
        error.place.path,
    )
    assert str(error) == (
        "pods.yaml, document 2, spec.replicas: 'two' is not allowed; use a whole number"
    )


def test_an_error_of_a_missing_value_says_so() -> None:
    """Nobody wrote `None`."""
    assert str(field({}).get("name").bad("a name")).endswith("spec.name: is missing; use a name")


def test_an_error_does_not_show_all_of_a_huge_value() -> None:
    """One line of an error stays one line."""
    assert len(str(field(["x" * 1000] * 1000).bad("a name"))) < 500


def test_paths_lead_through_mappings_and_lists() -> None:
    """A path is what a person would write to get there."""
    (one,) = field({"containers": [{"name": "a"}]}).get("containers").items()
    assert "spec.containers[0].name" == one.get("name").place.path
    assert {"name": one.get("name")} == one.fields()
    assert "name" == Field({"name": "a"}, Place("f")).get("name").place.path


def test_what_is_missing_is_an_empty_mapping_and_an_empty_list() -> None:
    """A path may lead through what is not there."""
    missing = field({}).get("metadata")
    assert not missing.given
    assert not missing.get("annotations").get("x").given
    assert ({}, [], False) == (missing.fields(), missing.items(), missing.flag())


@pytest.mark.parametrize("value", ["text", 1, True, []])
def test_a_mapping_is_asked_for(value: object) -> None:
    """Lists and single values have no keys."""
    for read in (Field.fields, lambda one: one.get("name")):
        with pytest.raises(BadField, match="use a mapping, with `key: value` in each line"):
            read(field(value))


@pytest.mark.parametrize("key", [1, True, None])
def test_keys_are_text(key: object) -> None:
    """YAML makes something else of a bare `1`, `yes` or `null`."""
    with pytest.raises(BadField, match="text as a key; quote it"):
        field({key: "x"}).fields()


@pytest.mark.parametrize("value", ["text", 1, {}])
def test_a_list_is_asked_for(value: object) -> None:
    """Text is no list of its letters."""
    with pytest.raises(BadField, match="use a list"):
        field(value).items()


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}])
def test_text_is_asked_for(value: object) -> None:
    """An annotation that looks like a number must be quoted, as Kubernetes wants it."""
    with pytest.raises(BadField, match="use text; quote it"):
        field(value).text()


@pytest.mark.parametrize(("text", "value"), [("2", 2), ("0.5", 0.5), ("2", "2"), ("1e-05", 1e-5)])
def test_a_number_is_text_where_quantities_are_read(text: str, value: object) -> None:
    """`cpu: 2` and `cpu: "2"` are the same."""
    assert text == field(value).plain()


@pytest.mark.parametrize("value", [None, True, [], {}])
def test_nothing_else_is_text_where_quantities_are_read(value: object) -> None:
    """`yes` is no quantity."""
    with pytest.raises(BadField):
        field(value).plain()


def test_numbers_are_read() -> None:
    """Whole ones become floats; a missing one may have a default."""
    assert [0.0, 1.5, NUMBER_MAX] == [field(one).number() for one in (0, 1.5, int(NUMBER_MAX))]
    assert field(None).number(30.0) == 30.0


@pytest.mark.parametrize(
    "value", [None, -1, -0.1, math.inf, math.nan, NUMBER_MAX * 1.1, 10**99, "1", True, []]
)
def test_numbers_have_limits(value: object) -> None:
    """No time is negative or endless."""
    with pytest.raises(BadField, match="use a number from 0 to 1000000000"):
        field(value).number()


def test_counts_are_read() -> None:
    """A missing one may have a default."""
    assert [0, 3, 1] == [field(0).count(), field(3).count(most=3), field(None).count(1)]


@pytest.mark.parametrize("value", [None, -1, 4, 1.0, "1", True, []])
def test_counts_have_limits(value: object) -> None:
    """The error names the largest that is allowed."""
    with pytest.raises(BadField, match="use a whole number from 0 to 3"):
        field(value).count(most=3)


def test_flags_are_read() -> None:
    """A missing one is false."""
    assert [True, False, False] == [field(one).flag() for one in (True, False, None)]


@pytest.mark.parametrize("value", [0, "true", []])
def test_flags_are_true_or_false(value: object) -> None:
    """A quoted `"true"` is text."""
    with pytest.raises(BadField, match="use true or false"):
        field(value).flag()


def test_what_a_text_stands_for_is_read() -> None:
    """What the parser refuses is refused in words for people."""
    assert field(12).parsed(int, "digits") == 12
    wrong: tuple[object, ...] = ("x", None, True, [])
    for value in wrong:
        with pytest.raises(BadField, match="; use digits"):
            field(value).parsed(int, "digits")
