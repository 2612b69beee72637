from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from trunkline.errors import ConfigurationError
from trunkline.service.config import ServiceConfig, load_config


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid")
    file: Path


class Example(ServiceConfig):
    parameters: Path
    sources: tuple[Source, ...] = ()


def write(tmp_path, text):
    path = tmp_path / "service.toml"
    path.write_text(text)
    return path


def test_relative_paths_are_resolved_against_the_file_wherever_they_stand(tmp_path):
    path = write(
        tmp_path, 'port = 1\ndata_dir = "data"\nparameters = "/abs/p"\n[[sources]]\nfile = "a.csv"\n'
    )
    config = load_config(path, Example)
    assert config.data_dir == tmp_path / "data"
    assert config.parameters == Path("/abs/p")
    assert config.sources[0].file == tmp_path / "a.csv"
    assert config.tls is None


def test_section_completes_the_common_values_and_other_sections_are_left_alone(tmp_path):
    path = write(tmp_path, 'parameters = "p"\ndata_dir = "d"\n[one]\nport = 7\n[two]\nwhatever = 1\n')
    assert load_config(path, Example, section="one").port == 7


def test_missing_section_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no section \[three\]"):
        load_config(write(tmp_path, "x = 1"), Example, section="three")


def test_unknown_and_missing_keys_are_named(tmp_path):
    path = write(tmp_path, 'port = 1\ndata_dir = "d"\nparametres = "p"\n')
    with pytest.raises(ConfigurationError, match=r"parameters: Field required; parametres: Extra"):
        load_config(path, Example)


def test_half_of_the_tls_files_is_refused(tmp_path):
    path = write(tmp_path, 'port = 1\ndata_dir = "d"\nparameters = "p"\ntls_key = "k"\n')
    with pytest.raises(ConfigurationError, match="together or not at all"):
        load_config(path, Example)


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe"])
def test_file_that_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_config(path, Example)


def test_oversized_and_missing_files_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="larger than"):
        load_config(write(tmp_path, "#" * (1024 * 1024 + 1)), Example)
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_config(tmp_path / "none.toml", Example)
