from trunkline.service.server_list import Servers

A, B, C = (f"https://{name}.example" for name in "abc")


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def servers(*urls, keep=True, clock=None):
    return Servers(urls, keep=keep, draw=lambda count: count - 1, clock=clock or Time())


def test_server_that_works_is_kept():
    three = servers(A, B, C)
    assert [three.choose([]) for _ in range(3)] == [C, C, C]


def test_each_server_is_tried_before_one_is_tried_twice():
    three = servers(A, B, C)
    tried = []
    for _ in range(3):
        tried.append(three.choose(tried))
        three.failed(tried[-1])
    assert sorted(tried) == [A, B, C]
    assert three.choose(tried) in tried


def test_failed_server_is_avoided_for_half_a_minute_and_not_longer():
    clock = Time()
    two = servers(A, B, keep=False, clock=clock)
    two.failed(B)
    assert two.choose([]) == A
    clock.now = 29.9
    assert two.choose([]) == A
    clock.now = 30.0
    assert two.choose([]) == B


def test_when_all_have_failed_one_is_asked_still():
    two = servers(A, B)
    two.failed(A)
    two.failed(B)
    assert two.choose([]) == B


def test_addresses_may_end_in_a_slash():
    assert servers(f"{A}/").choose([]) == A
