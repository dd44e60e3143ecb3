"""Time the contestants of every comparison in turn: `make bench` (pytest-benchmark).

pytest-benchmark calibrates each contestant, times it for a moment and keeps the median. Which one
is next is decided here: all contestants of a comparison, then all of them again, round after round.
"""

import side_by_side

ROUNDS = 9


def pytest_generate_tests(metafunc):
    """Make one test of each round of each contestant, in the order in which they are timed."""
    turns = [
        (name, round_, contestant)
        for name in side_by_side.load()
        if metafunc.config.getoption("keyword") in ("", name)  # prepare only what is asked for
        for contestants in [side_by_side.contestants(name)]
        for round_ in range(ROUNDS)
        for contestant in contestants
    ]
    ids = [f"{name}-{round_}-{contestant}" for name, round_, contestant in turns]
    metafunc.parametrize(("name", "round_", "contestant"), turns, ids=ids)


def test_round(benchmark, name, round_, contestant):
    """Time one contestant in one round."""
    benchmark.extra_info.update(name=name, round=round_, contestant=contestant)
    benchmark(side_by_side.contestants(name)[contestant])
