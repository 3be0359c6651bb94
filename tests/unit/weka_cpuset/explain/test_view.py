"""Views: what an agent's page says, and which container a name stands for."""

import msgspec
import pytest

from tests.machines import LAPTOP, container, ledger_of, pod
from weka_cpuset.explain.view import LedgerPage, NoSuchContainer, WrongPage, find, view_of
from weka_cpuset.journal.entry import Line

LEDGER = ledger_of(
    LAPTOP,
    (pod("web", guaranteed=True), container("web", 2)),
    (pod("web-2"), container("web-2")),
    (pod("db", cores="3", forbid="9-8"), container("db")),
)
PAGE = LedgerPage(version="1", node="n", at=5.0, decisions=2, since={"web": 3.0})


def test_a_ledger_comes_back_from_its_page_as_it_was() -> None:
    """Nothing that decides about a placement is lost on the way."""
    lines = tuple(Line(number, 1.0, "CreateContainer", "placed") for number in (1, 2, 3))
    view = view_of(PAGE.write(LEDGER), lines)
    assert view.ledger == LEDGER
    assert view.since_s == {"web": 3.0}
    assert [line.number for line in view.lines] == [1, 2]
    assert "agent 1 on n" in view.source


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", PAGE.write(LEDGER)[:-9], msgspec.json.encode(PAGE)],
    ids=["empty", "no page", "cut off", "no ledger"],
)
def test_what_is_no_page_is_told(body: bytes) -> None:
    """An answer of something else than an agent of this version is no view."""
    with pytest.raises(WrongPage, match="version"):
        view_of(body, ())


def test_a_page_of_another_form_is_told() -> None:
    """A later agent may say something else with the same words."""
    later = msgspec.structs.replace(PAGE, schema=2)
    with pytest.raises(WrongPage, match="form 2"):
        view_of(later.write(LEDGER), ())


@pytest.mark.parametrize("name", ["db", "test/db/main", "test/db", "db/main"])
def test_a_container_is_found_by_what_can_only_mean_it(name: str) -> None:
    """Whole parts of the name count, or the beginning of the id."""
    assert find(LEDGER, name).id == "db"


def test_an_id_goes_before_the_beginnings_of_others() -> None:
    """`web` is an id, though another one begins with it."""
    assert find(LEDGER, "web").id == "web"


@pytest.mark.parametrize(
    ("name", "told"), [("nobody", "there are"), ("main", "name one"), ("", "no live container")]
)
def test_a_name_that_means_none_or_several_is_told_with_those_there_are(
    name: str, told: str
) -> None:
    """Whoever mistypes sees what would be right."""
    with pytest.raises(NoSuchContainer, match=told) as error:
        find(LEDGER, name)
    assert "test/db/main" in str(error.value)
