"""Whatever stands in a file, reading it gives records and rejects, and never another error."""

import pytest
from cdr_cases import asterisk_row, poll_to_end, source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trunkline.telephony.follow import Follower, FollowState

EVENTS = "id,method,from_tag,to_tag,callid,sip_code,sip_reason,time,"
EVENTS += "src_user,src_ip,dst_ouser,dst_user,dst_domain\n"
EVENT = "1,INVITE,f,t,a,200,OK,2461366.0043,+15125550109,192.0.2.1,+16465550105,+16465550105,192.0.2.2\n"
TIMES = "id,start_time,end_time,duration\n1,2026-11-21 12:00:00,2461366.0043,1.5\n"
JSON = '{"variables":{"uuid":"u","destination_number":"6465550105","start_uepoch":"1795262400000000",'
JSON += '"ani":"\\ud800@example.com","network_addr":"\\udfff"}}'
SAMPLES = {
    "asterisk-csv": asterisk_row(trailing=("1795262400.7",)),
    "asterisk-custom": "1795262400.5,6465550105,5125550109,SIP/east-1,SIP/west-2\n",
    "kamailio-csv": EVENTS + EVENT + EVENT.replace("INVITE", "BYE"),
    "opensips-csv": TIMES,
    "freeswitch-csv": "u,5125550109,6465550105,2026-11-21 12:00:00,2026-11-21 12:00:09,east,west\n",
    "freeswitch-json": JSON,
    "field-map": "zone,east,west,12,+16465550105,+15125550109,1795262400\n",
    "kamailio-sqlite": "SQLite format 3\x00",
}
OPTIONS = {
    "asterisk-custom": {"asterisk": {"custom_columns": ("start", "dst", "src", "channel", "dstchannel")}},
    "freeswitch-csv": {
        "freeswitch": {
            "template": ("uuid", "ani", "destination_number", "start_stamp", "end_stamp", "a", "b"),
            "incoming": "a",
            "outgoing": "b",
        }
    },
    "field-map": {"field_map": "nextone"},
}


@st.composite
def damaged(draw, sample: str) -> bytes:
    """A sample with some of its bytes replaced, removed, or added, several times over."""
    data = bytearray(sample.encode() * draw(st.integers(1, 3)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        data[start : start + draw(st.integers(0, 5))] = draw(
            st.binary(max_size=6) | st.sampled_from([b"\n", b'"'])
        )
    return bytes(data)


@pytest.mark.parametrize("form", sorted(SAMPLES))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_give_records_and_rejects_and_a_state(tmp_path, form, data):
    path = tmp_path / "cdr"
    path.write_bytes(data.draw(damaged(SAMPLES[form]) | st.binary(max_size=300)))
    zone = data.draw(st.sampled_from(["UTC", "America/New_York"]))
    cdr_source = source(path, format=form, time_zone=zone, **OPTIONS.get(form, {}))
    follower = Follower(cdr_source)
    follower.poll(0, limit=2)
    state = follower.poll(1, limit=2).state
    resumed = Follower(cdr_source, FollowState.from_bytes(state.to_bytes()))
    for batch in poll_to_end(resumed, 2, finish=True):
        assert all(record.dst.text for record in batch.records)
        assert all(reject.reason for reject in batch.rejects)
    assert resumed.poll(3, finish=True).rows_read == 0
