import builtins

import pytest

from trunkline.errors import ConfigurationError, StorageError
from trunkline.service.database import open_database
from trunkline.service.postgresql import postgresql_engine

NOBODY = "postgresql://trunkline@127.0.0.1:1/labels"


@pytest.mark.parametrize(
    "url", ["", "labels", "postgresql://trunkline@host", "mysql://trunkline@host/labels", "sqlite:///labels"]
)
def test_url_of_no_postgresql_database_is_refused(url):
    with pytest.raises(ConfigurationError, match="postgresql://user@host/database"):
        postgresql_engine(url, durable=True)


@pytest.mark.parametrize(
    "url",
    ["postgresql://trunkline:secret@host/labels", "postgresql://trunkline@host/labels?password=secret"],
)
def test_password_in_a_configuration_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigurationError, match="passfile") as caught:
        postgresql_engine(url, durable=True)
    assert "secret" not in str(caught.value)


def test_missing_driver_is_told_with_how_to_install_it(monkeypatch):
    real = builtins.__import__

    def without_driver(name, *arguments, **options):
        if name == "psycopg":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_driver)
    with pytest.raises(ConfigurationError, match=r"trunkline\[postgresql\]"):
        postgresql_engine(NOBODY, durable=True)


def test_database_that_is_not_there_is_a_storage_error():
    with pytest.raises(StorageError, match="database failed"):
        open_database(NOBODY, migrations="trunkline.jager.authority.labels.migrations")
