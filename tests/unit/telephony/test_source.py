import pytest
from cdr_cases import EAST

from trunkline.errors import ConfigurationError
from trunkline.telephony.model import TimeKind
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.source import load_sources

SOURCE = """
[[source]]
format = "kamailio-sqlite"
paths = ["acc.sqlite"]
time_zone = "Europe/Berlin"
clock_offset_ms = -250
time = "answer"
[source.number_plan]
style = "e164"
region = "DE"
[source.trunks]
"192.0.2.1" = "unlisted:East"
"192.0.2.2" = "000102030405060708090a0b0c0d0e0f"
[source.access]
"192.0.2.9" = "customer:shop"
"""


def load(folder, text):
    path = folder / "sources.toml"
    path.write_text(text)
    return load_sources(path)


def test_source_is_loaded_with_paths_beside_its_file(tmp_path):
    (source,) = load(tmp_path, SOURCE)
    assert source.paths == (str(tmp_path / "acc.sqlite"),)
    assert source.trunks == {"192.0.2.1": EAST, "192.0.2.2": ProviderId(bytes(range(16)))}
    assert (source.time, source.clock.offset_us) == (TimeKind.ANSWER, -250_000)


def test_names_in_the_tables_are_resolved_as_the_caller_says(tmp_path):
    path = tmp_path / "sources.toml"
    path.write_text(SOURCE)
    (source,) = load_sources(path, ProviderId.unlisted)
    assert source.trunks["192.0.2.1"] == ProviderId.unlisted("unlisted:East")


@pytest.mark.parametrize(
    ("old", "new", "fragment"),
    [
        ("kamailio-sqlite", "siremis", "format"),
        ("Europe/Berlin", "Berlin", "not an IANA zone"),
        ("Europe/Berlin", "../etc/passwd", "not an IANA zone"),
        ("clock_offset_ms", "clock_ofset_ms", "clock_ofset_ms"),
        ("-250", "1e9", "clock_offset_ms"),
        ('"unlisted:East"', '"East"', "trunks: "),
        ('"customer:shop"', '"shop"', "access"),
        ('"192.0.2.9" =', '"192.0.2.1" =', "both in trunks and in access"),
        ('paths = ["acc.sqlite"]', "paths = []", "paths"),
        ('paths = ["acc.sqlite"]', "", "paths"),
        ('time = "answer"', 'field_map = "nextone"', "only for that"),
        ("kamailio-sqlite", "field-map", "only for that"),
        ("kamailio-sqlite", "asterisk-custom", "custom_columns"),
        ("[[source]]", "[source]", "expected one or more"),
        ("[[source]]", "x = 1\n[[source]]", "and nothing else"),
        (SOURCE, "not toml", "not a TOML file"),
        (SOURCE, "", "expected one or more"),
    ],
)
def test_source_that_means_nothing_is_refused_with_the_key(tmp_path, old, new, fragment):
    with pytest.raises(ConfigurationError, match=fragment):
        load(tmp_path, SOURCE.replace(old, new))


def test_file_that_cannot_be_read_is_a_typed_error(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_sources(tmp_path / "none.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * (5 << 20))
    with pytest.raises(ConfigurationError, match="larger than 4 MiB"):
        load_sources(tmp_path / "big.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(ConfigurationError, match="not a TOML file"):
        load_sources(tmp_path / "latin.toml")


def test_error_does_not_carry_the_values(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, SOURCE.replace('"unlisted:East"', '"+15125550109"'))
    assert "5125550109" not in str(caught.value)
