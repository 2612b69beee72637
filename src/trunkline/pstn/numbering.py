"""Telephone numbers of the North American plan: NPA-NXX-XXXX, given out in blocks of a thousand."""

import numpy as np
from numpy.typing import NDArray

from trunkline.errors import InputError

BLOCK_SIZE = 1_000
"""Numbers in one block, as in thousands-block pooling."""

_FILL = 500
"""Numbers in use in a full block; the others are not in service."""

_COUNTRY_CODE = 10_000_000_000
_AREA = 10_000_000
_EXCHANGE = 10_000
_BLOCKS_AN_EXCHANGE = _EXCHANGE // BLOCK_SIZE

# Area codes of the United States that were in service long ago: a newer list would change what a seed gives.
AREA_CODES = np.array(
    [
        *(201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228),
        *(229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302),
        *(303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325, 330),
        *(334, 336, 337, 339, 347, 351, 352, 360, 361, 386, 401, 402, 404, 405, 406, 407, 408, 409, 410, 412),
        *(413, 414, 415, 417, 419, 423, 425, 432, 434, 435, 440, 443, 469, 478, 479, 480, 484, 501, 502, 503),
        *(504, 505, 507, 508, 509, 510, 512, 513, 515, 516, 517, 518, 520, 530, 540, 541, 551, 559, 561, 562),
        *(563, 567, 570, 571, 573, 574, 580, 585, 586, 601, 602, 603, 605, 606, 607, 608, 609, 610, 612, 614),
        *(615, 616, 617, 618, 619, 620, 623, 626, 630, 631, 636, 641, 646, 650, 651, 660, 661, 662, 678, 682),
        *(701, 702, 703, 704, 706, 707, 708, 712, 713, 714, 715, 716, 717, 718, 719, 720, 724, 727, 731, 732),
        *(734, 740, 754, 757, 760, 763, 765, 770, 772, 773, 774, 775, 781, 785, 786, 801, 802, 803, 804, 805),
        *(806, 808, 810, 812, 813, 814, 815, 816, 817, 818, 828, 830, 831, 832, 843, 845, 847, 848, 850, 856),
        *(857, 858, 859, 860, 862, 863, 864, 865, 870, 901, 903, 904, 906, 907, 908, 909, 910, 912, 913, 914),
        *(915, 916, 917, 918, 919, 920, 925, 928, 931, 936, 937, 940, 941, 947, 949, 952, 954, 956, 970, 971),
        *(972, 973, 978, 979, 980, 985, 989),
    ],
    dtype=np.int64,
)
# Exchanges begin with 2 to 9 and are no service codes (211, 311, ...); 555 is for directory and fiction.
_EXCHANGES = np.array(
    [code for code in range(200, 1000) if code % 100 != 11 and code != 555],
    dtype=np.int64,
)
_BLOCKS = len(AREA_CODES) * len(_EXCHANGES) * _BLOCKS_AN_EXCHANGE

_SPREAD = np.array([one for one in range(101, BLOCK_SIZE, 2) if one % 5], dtype=np.int64)


def give_out(counts: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Gives every carrier blocks of its own and the numbers in use from them.

    Args:
        counts: How many numbers each carrier needs.
        generator: Where randomness comes from.

    Returns:
        The numbers as integers with the country code, all different, those of one carrier together.

    Raises:
        InputError: There are not that many blocks.
    """
    blocks = -(-counts // _FILL)
    total = int(blocks.sum())
    if total > _BLOCKS:
        raise InputError("the numbering plan has not that many numbers: fewer subscribers")
    first_numbers = _first_number(generator.choice(_BLOCKS, total, replace=False))
    # Multiplying by something that shares no factor with 1,000 visits every number of a block once.
    spread = generator.choice(_SPREAD, total)
    shift = generator.integers(0, BLOCK_SIZE, total)
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    mine = np.repeat(np.cumsum(blocks) - blocks, counts) + places // _FILL
    lines = (places % _FILL * spread[mine] + shift[mine]) % BLOCK_SIZE
    numbers: NDArray[np.int64] = first_numbers[mine] + lines
    return numbers


def any_numbers(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draws numbers from the whole plan, in use or not."""
    return _first_number(generator.integers(0, _BLOCKS, count)) + generator.integers(0, BLOCK_SIZE, count)


def neighbours_of(numbers: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Draws, for each number, another one with the same area code and exchange."""
    line = (numbers % _EXCHANGE + generator.integers(1, _EXCHANGE, len(numbers))) % _EXCHANGE
    return numbers - numbers % _EXCHANGE + line


def _first_number(blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    exchange, block = np.divmod(blocks, _BLOCKS_AN_EXCHANGE)
    area, code = np.divmod(exchange, len(_EXCHANGES))
    numbers: NDArray[np.int64] = (
        _COUNTRY_CODE + AREA_CODES[area] * _AREA + _EXCHANGES[code] * _EXCHANGE + block * BLOCK_SIZE
    )
    return numbers
