"""Numbers that exist under the North American plan, each given out once."""

import numpy as np
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.errors import InputError
from trunkline.pstn.numbering import AREA_CODES, BLOCK_SIZE, any_numbers, give_out, neighbours_of


def is_valid(number: int) -> bool:
    return phonenumbers.is_valid_number_for_region(phonenumbers.parse(f"+{number}"), "US")


def test_area_codes_are_all_in_service():
    assert len(np.unique(AREA_CODES)) == len(AREA_CODES) > 200
    assert all(is_valid(10_000_000_000 + code * 10_000_000 + 2_345_678) for code in AREA_CODES.tolist())


@settings(deadline=None)
@given(counts=st.lists(st.integers(0, 3_000), min_size=1, max_size=20), seed=st.integers(0, 1_000))
def test_numbers_given_out_are_different_and_blocks_have_one_carrier(counts, seed):
    numbers = give_out(np.array(counts), np.random.default_rng(seed))
    assert len(numbers) == sum(counts) == len(np.unique(numbers))
    owners = np.repeat(np.arange(len(counts)), counts)
    pairs = np.unique(np.stack((numbers // BLOCK_SIZE, owners)), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1]


def test_numbers_given_out_and_drawn_are_valid():
    generator = np.random.default_rng(1)
    numbers = np.concatenate((give_out(np.array([40] * 50), generator), any_numbers(2_000, generator)))
    assert all(is_valid(number) for number in numbers.tolist())
    exchanges = numbers // 10_000 % 1_000
    assert not np.any(exchanges % 100 == 11)
    assert exchanges.min() >= 200


def test_neighbours_differ_in_the_last_four_digits_only():
    generator = np.random.default_rng(1)
    numbers = any_numbers(1_000, generator)
    others = neighbours_of(numbers, generator)
    assert np.all(others // 10_000 == numbers // 10_000)
    assert not np.any(others == numbers)


def test_more_numbers_than_the_plan_has_are_refused():
    with pytest.raises(InputError, match="not that many numbers"):
        give_out(np.array([1]).repeat(3_000_000), np.random.default_rng(1))
