"""Telephony that all systems share: numbers, call details, call records and the readers that find them.

Call detail records (CDRs) come from switches in many forms. `source.CdrSource` states what one source is,
`follow.Follower` reads it as it grows, and what comes out are `model.CallRecord`s: one per call at this
carrier (more for route advance, loops and changed numbers), with canonical numbers and the neighbours'
`providers.ProviderId`. `call_details` turns a record into the exact bytes that labels are made of.

Example:
    >>> from trunkline.telephony.call_details import LabelProfile, encode_call_details
    >>> from trunkline.telephony.numbers import NumberPlan, normalise_called, normalise_caller
    >>> plan = NumberPlan(style="national", region="US", international_prefix="011")
    >>> src, dst = normalise_caller("(512) 555-0109", plan), normalise_called("6465550105", plan)
    >>> encode_call_details(LabelProfile.SRC_DST, src, dst, 1_795_297_335).hex()[-16:]
    '000000006b021037'
"""
