"""The carrier's configuration file: refused with the key's name when anything in it is not as it must be."""

import tomllib

import pytest
import tomli_w
from carrier_http import HttpDeployment

from trunkline.errors import ConfigurationError
from trunkline.jager.carrier.carrier import named_sources
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.service.config import load_config


@pytest.fixture
def table(miniature, tmp_path):
    deployment = HttpDeployment(miniature, tmp_path)
    deployment.close()
    return tomllib.loads(deployment.config_file.read_text())


def _load(table, folder):
    path = folder / "changed.toml"
    path.write_text(tomli_w.dumps(table))
    return load_config(path, CarrierConfig)


def test_paths_are_relative_to_the_file_and_sections_have_defaults(table, tmp_path):
    del table["labels"], table["contribution"]
    config = _load(table, tmp_path)
    assert config.data_dir == tmp_path / "data"
    assert config.carrier.identity_key == tmp_path / "identity.key"
    assert (config.labels.batch, config.labels.interval_ms) == (32, 25)
    assert (config.contribution.batch, config.contribution.delay_max_s) == (32, 600)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("carrier", "id", "not hex"),
        ("carrier", "labels_url", "ftp://127.0.0.1"),
        ("carrier", "labels_url", ["https://127.0.0.1", "ftp://127.0.0.1"]),
        ("carrier", "labels_url", []),
        ("carrier", "labels_url", [f"https://127.0.0.1:{port}" for port in range(1, 18)]),
        ("carrier", "record_store_id", "12"),
        ("carrier", "surprise", 1),
        ("labels", "batch", 0),
        ("labels", "batch", 4097),
        ("labels", "interval_ms", 1),
        ("contribution", "batch", 4097),
        ("contribution", "delay_max_s", -1),
        ("contribution", "connections", 100),
    ],
)
def test_value_out_of_bounds_is_refused_by_its_name(table, tmp_path, section, key, value):
    table[section][key] = value
    with pytest.raises(ConfigurationError, match=f"{section}.{key}"):
        _load(table, tmp_path)


def test_carrier_without_sources_only_traces(table, tmp_path):
    del table["sources"]
    assert named_sources(_load(table, tmp_path)) == {}


def test_sources_are_named_by_format_and_paths(table, tmp_path):
    (name,) = named_sources(_load(table, tmp_path))
    assert name == f"asterisk-csv {tmp_path / 'Master.csv'}"


def test_service_may_have_one_address_or_several(table, tmp_path):
    table["carrier"]["labels_url"] = "https://127.0.0.1:1"
    assert _load(table, tmp_path).carrier.labels_url == ("https://127.0.0.1:1",)
    table["carrier"]["labels_url"] = ["https://127.0.0.1:1", "https://127.0.0.1:2"]
    assert _load(table, tmp_path).carrier.labels_url == ("https://127.0.0.1:1", "https://127.0.0.1:2")
