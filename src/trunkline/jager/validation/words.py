"""Validation findings in plain words, from a report's JSON form."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Names = Mapping[str, str]
"""Names of carriers by their identifiers in hex; a carrier that is not in it is shown by its identifier."""

_SENTENCES_LIMIT = 12

_ASK = {
    "customer": "ask {name} which of its customers placed the call",
    "from-whom": "ask {name} from whom it had the call, or whether its own customer placed it",
    "to-whom": "ask {name} to whom it passed the call",
    "gap": "ask {name}, which stands next to the gap and has no record here, for its neighbours in this call",
    "conflict": "ask {name} for its own evidence: its record and another one contradict each other",
    "missing-record": "ask {name}, which takes part, why it has no record of this call",
    "possibly-upstream": "ask {name} whether it carried this call: a fragment of a call leads to it",
}
_GAIN = {
    "origin-identified": "the originating carrier is identified by its own claim",
    "manual-traceback-shortened": "carriers on the way are known, so that fewer have to be asked by hand",
    "evidence-of-bad-faith": "records contradict each other, or a carrier that takes part filed none",
}


def namer(names: Names) -> Callable[[str], str]:
    """Return the function that names a carrier by its identifier in hex."""
    return lambda provider: names.get(provider, f"{provider[:8]}…")


def origin_in_words(call: Mapping[str, Any], names: Names) -> str:
    """Say where a call came from and how well that is known."""
    name = namer(names)
    origin = call["origin"]
    provider = None if origin["provider"] is None else name(origin["provider"])
    candidates = ", ".join(dict.fromkeys(name(each["provider"]) for each in origin["candidates"]))
    across = (
        "; a gap lies between it and the tracer, which nothing proves away" if origin["across_gap"] else ""
    )
    return {
        "attested": f"origin: {provider}, which signed the record that claims it{across}",
        "claimed": f"origin: {provider}, as a record in its name claims{across}",
        "named": f"origin unknown: {provider} is the farthest carrier that is named, and has no record",
        "contested": f"origin contested: the records lead to {candidates}",
        "unknown": f"origin unknown: it may be {candidates}",
    }[origin["status"]]


def findings_in_words(report: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Say everything that a report found, one sentence at a time."""
    call = report["call"]
    if call is None:
        yield "no record of this call: nobody on its way takes part, or the time or a number is another"
    else:
        yield from _call_in_words(call, names)
    if report["forged"]:
        yield f"{_records(report['forged'])} forged: the carrier named has no credential, or did not sign"
    if report["unreadable"]:
        yield f"{_records(report['unreadable'])} could not be decrypted; by itself this proves nothing"
    if report["late"]:
        yield f"{_records(report['late'])} came in late: shown, but held against nobody"
    for flood in report["floods"]:
        yield f"{flood['records']} records under one label: more than honest carriers file"
    if report["other_calls_total"]:
        yield f"other calls of the same parties in the window: {report['other_calls_total']}"


def _call_in_words(call: Mapping[str, Any], names: Names) -> Iterator[str]:
    name = namer(names)
    yield origin_in_words(call, names)
    if call["whole"]:
        yield "the path is whole"
    for before, after in call["gaps"]:
        yield f"gap: nobody says how the call came from {name(before)} to {name(after)}, or that it did"
    yield from _few([_conflict_in_words(conflict, names) for conflict in call["conflicts"]])
    yield from _few([f"contradicting records tell: {_way(way, names)}" for way in call["contested"]])
    yield from _few([f"another fragment fits as well: {_way(way, names)}" for way in call["alternatives"]])
    for branch in call["branches"]:
        yield f"{name(branch['carrier'])} also tried {name(branch['tried'])}"
    if call["served_before"]:
        yield f"this call was looked up before, {call['served_before']} times"
    asks = ["next: " + _ASK[ask["reason"]].format(name=name(ask["provider"])) for ask in call["ask"]]
    yield from _few(asks)
    for gain in call["gain"]:
        yield "gained: " + _GAIN[gain]


def _conflict_in_words(conflict: Mapping[str, Any], names: Names) -> str:
    name = namer(names)
    tail, head = conflict["edge"]
    if conflict["kind"] == "rival":
        return f"conflict: two records in the name of {name(tail)} tell its part in two ways"
    asserting, opposing = name(conflict["asserting"]), name(conflict["opposing"])
    way = f"{name(tail)} handed the call to {name(head)}"
    return f"conflict: {asserting} says that {way}; {opposing} says otherwise"


def _few(sentences: list[str]) -> Iterator[str]:
    """The distinct sentences, and a count where a flood makes too many of them."""
    distinct = list(dict.fromkeys(sentences))
    yield from distinct[:_SENTENCES_LIMIT]
    if len(distinct) > _SENTENCES_LIMIT:
        yield f"and {len(distinct) - _SENTENCES_LIMIT} more of this kind"


def _way(way: list[str], names: Names) -> str:
    return " > ".join(map(namer(names), way))


def _records(record_ids: list[str]) -> str:
    return "1 record" if len(record_ids) == 1 else f"{len(record_ids)} records"
