"""FreeSWITCH: cdr_csv with the stock template `asterisk`, and json_cdr, one object a line, of the A-leg."""

import polars as pl

from trunkline.pstn.cdr_text import Form, Lines, by_outcome, identifier, lasted_seconds, line, rows, stamp

_CAUSES = ("NORMAL_CLEARING", "USER_BUSY", "ORIGINATOR_CANCEL", "NORMAL_TEMPORARY_FAILURE")


def _uuid() -> pl.Expr:
    return pl.concat_str(pl.lit("00000000-0000-4000-8000-"), identifier())


def _channel(number: str, peer: str) -> pl.Expr:
    return pl.concat_str(pl.lit("sofia/external/"), pl.col(number), pl.lit("@"), pl.col(peer))


def _csv(frame: pl.DataFrame) -> Lines:
    text = line(
        *('"","', pl.col("caller"), '","', pl.col("called"), '","public","', pl.col("caller"), '","'),
        *(
            _channel("caller", "before"),
            '","',
            _channel("sent", "after"),
            '","bridge","","',
            stamp("arrival"),
        ),
        *('","', stamp("answer").fill_null(""), '","', stamp("end"), '","', lasted_seconds("arrival"), '","'),
        *(lasted_seconds("answer"), '","', by_outcome(*_CAUSES), '","DEFAULT","', _uuid(), '",""'),
    )
    return [rows(frame, "end", text)]


def _json(frame: pl.DataFrame) -> Lines:
    def microseconds(column: str) -> pl.Expr:
        return pl.col(column).fill_null(0).cast(pl.String)

    def encoded(column: str) -> pl.Expr:
        return pl.col(column).str.replace("+", "%2B", literal=True)

    text = line(
        *('{"core-uuid":"0","variables":{"uuid":"', _uuid(), '","direction":"inbound","caller_id_number":"'),
        *(encoded("caller"), '","destination_number":"', encoded("called"), '","sip_network_ip":"'),
        *(pl.col("before"), '","bridge_channel":"sofia/external/', encoded("sent"), "%40", pl.col("after")),
        *('","start_uepoch":"', microseconds("arrival"), '","answer_uepoch":"', microseconds("answer")),
        *('","end_uepoch":"', microseconds("end"), '","hangup_cause":"', by_outcome(*_CAUSES), '"}}'),
    )
    return [rows(frame, "end", text)]


FREESWITCH_CSV = Form(
    name="freeswitch-csv",
    files=("Master.csv",),
    headers=("",),
    lines=_csv,
    source={
        "format": "freeswitch-csv",
        "freeswitch": {"template": "asterisk", "incoming": "channel_name", "outgoing": "bridge_channel"},
    },
)
FREESWITCH_JSON = Form(
    name="freeswitch-json",
    files=("cdr.json",),
    headers=("",),
    lines=_json,
    source={
        "format": "freeswitch-json",
        "freeswitch": {"incoming": "sip_network_ip", "outgoing": "bridge_channel"},
    },
    resolution_us=1,
)
