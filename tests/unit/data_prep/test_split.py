import numpy as np
import pytest

from data_prep.split import held_out, share


@pytest.mark.parametrize(
    ("documents", "fraction", "training"),
    [
        (9172, 0.05, 8713),
        (8447, 0.05, 8024),
        (20, 0.05, 19),
        (19, 0.05, 18),
        (10, 0.9, 1),
        (5, 0.8, 1),
        (1, 0.05, 0),
        (7, 0.0, 7),
    ],
)
def test_the_first_documents_are_for_training_rounded_down(
    documents: int, fraction: float, training: int
) -> None:
    mask = held_out(documents, fraction)
    assert mask.tolist() == [False] * training + [True] * (documents - training)


def test_a_seed_holds_out_as_many_documents_from_all_over() -> None:
    mask = held_out(1000, 0.1, seed=1)
    assert mask.sum() == 100
    assert 20 < mask[:500].sum() < 80


def test_the_same_seed_gives_the_same_documents_and_another_one_others() -> None:
    first, again, other = (held_out(1000, 0.1, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_seed_of_zero_is_a_seed() -> None:
    assert not np.array_equal(held_out(1000, 0.1, seed=0), held_out(1000, 0.1))


def test_a_share_holds_out_exactly_the_documents_it_was_made_of() -> None:
    for documents in (1, 3, 7, 49, 1000, 18846, 99_999_999):
        for testing in {0, documents // 3, documents // 2, documents * 2 // 3, documents - 1}:
            fraction = share(documents, testing)
            assert 0 <= fraction < 1
            if documents < 10**6:
                assert held_out(documents, fraction).sum() == testing
