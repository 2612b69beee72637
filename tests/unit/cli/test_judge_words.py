"""Every finding that a verdict can have is said in words."""

from trunkline.cli.judge import describe_verdict
from trunkline.jager.validation.verdict_findings import Finding


def test_every_kind_of_finding_is_said_in_words():
    findings = [{"kind": kind.value, "carrier": "aa", "claimed": "bb", "records": []} for kind in Finding]
    verdict = {"openings": [], "findings": findings, "proven": [], "claimed": []}
    lines = describe_verdict(verdict, {"aa": "Aspen", "bb": "Birch"})
    assert len(lines) == len(Finding)
    assert "finding: Aspen signed a record in the name of Birch" in lines
