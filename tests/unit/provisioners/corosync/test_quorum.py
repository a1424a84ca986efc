import pytest

from halab.provisioners.corosync.quorum import growing_problem, quorum, shrinking_problem, steps_down, steps_up


@pytest.mark.parametrize(("nodes", "votes"), [(1, 1), (2, 1), (3, 2), (4, 3), (5, 3), (8, 5), (16, 9)])
def test_quorum(nodes: int, votes: int) -> None:
    assert quorum(nodes) == votes


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [(3, 2, [2]), (2, 1, [1]), (3, 1, [2, 1]), (4, 2, [3, 2]), (8, 1, [5, 3, 2, 1]), (16, 3, [9, 5, 3]), (3, 3, [])],
)
def test_every_step_keeps_the_quorum_of_the_one_before(before: int, after: int, way: list[int]) -> None:
    assert list(steps_down(before, after)) == way


def names(count: int, first: int = 1) -> list[str]:
    return [f"node{number}" for number in range(first, first + count)]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (names(3), names(4), None),
        (names(4), names(3), None),
        (names(3), names(2), None),
        (names(2), names(1), None),
        (names(1), names(1), None),
        ([], names(3), None),
        (names(4), names(2), "2 of 4 nodes are no quorum: 3 are needed"),
        (names(4), names(2), "node_count 4 -> 3 -> 2."),
        (names(3), names(1), "node_count 3 -> 2 -> 1."),
        (names(3), names(3, first=3), "1 of 3 nodes are no quorum"),  # two of them are others
        (names(3), names(3, first=9), "None of its 3 nodes would be kept"),
        (names(1), names(1, first=2), "None of its 1 nodes would be kept"),
    ],
)
def test_shrinking_problem(before: list[str], after: list[str], says: str | None) -> None:
    problem = shrinking_problem(before, after)
    assert problem == says if says is None else says in (problem or "")


@pytest.mark.parametrize(
    ("before", "after", "way"),
    [(3, 4, [4]), (3, 5, [5]), (3, 6, [5, 6]), (2, 3, [3]), (2, 4, [3, 4]), (3, 16, [5, 9, 16]), (4, 4, [])],
)
def test_on_the_way_up_the_present_nodes_are_a_quorum_of_each_step(before: int, after: int, way: list[int]) -> None:
    assert list(steps_up(before, after)) == way


@pytest.mark.parametrize(
    ("before", "after", "votes", "says"),
    [
        (names(3), names(4), 1, None),
        (names(3), names(5), 0, None),
        (names(4), names(5), 0, None),
        (names(4), names(3), 0, None),
        ([], names(6), 1, None),
        (names(3), names(6), 1, "3 nodes are no quorum among 6: 4 are needed until the new ones have joined"),
        (names(3), names(6), 1, "node_count 3 -> 5 -> 6."),
        (names(2), names(4), 1, "node_count 2 -> 3 -> 4."),
    ],
)
def test_growing_problem(before: list[str], after: list[str], votes: int, says: str | None) -> None:
    problem = growing_problem(before, after, votes)
    assert problem == says if says is None else says in (problem or "")
