"""The label profile `dst`, for networks that rewrite caller IDs, through real processes."""

import time
from dataclasses import replace

import pytest
from lab_shapes import copy_lab
from real_processes import lab_run

from trunkline.errors import PolicyError
from trunkline.jager.authority.authorization.admin import approve, list_pending
from trunkline.jager.deployment import lab_run as runs
from trunkline.jager.deployment.score import score
from trunkline.telephony.call_details import LabelProfile


def test_dst_profile_asks_a_person_and_then_finds_the_path(tmp_path, monkeypatch):
    # Without the approval anybody's calls could be looked up by the called number alone.
    usual = runs.lab_rules
    monkeypatch.setattr(runs, "lab_rules", lambda folder: replace(usual(folder), profile=LabelProfile.DST))
    lab = copy_lab(tmp_path / "lab")
    with lab_run(lab) as run:
        run.start()
        run.enrol()
        run.contribute()
        data = run.deployment.directory / "authority" / "authorization" / "data"
        traced = []
        for call in run.answered()[::20]:
            with pytest.raises(PolicyError, match="waits for a person's approval"):
                run.trace(call)
            (waiting,) = list_pending(data, now=time.time())
            approve(data, waiting.id, now=time.time())
            traced.append(run.summary(call, run.trace(call)))
    found = score(lab, traced)
    assert (found.traced, found.path_correct, found.origin_correct, found.false_faults) == (5, 5, 5, 0)
