from bench.alignment import skew


def test_equal_lists_have_no_skew() -> None:
    """Whatever their length."""
    assert skew([[], []]) == 0
    assert skew([[1, 2, 3], [1, 2, 3], [1, 2, 3]]) == 0


def test_the_largest_difference_counts() -> None:
    """And an entry that is missing is worse than any difference."""
    assert skew([[0, 100, 200], [0, 103, 199]]) == 3
    assert skew([[0, 100], [0]]) > 1_000_000
