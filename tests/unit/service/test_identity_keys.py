import pickle

import pytest

from trunkline.errors import ConfigurationError, SignatureError
from trunkline.service.keys import IdentityKey, load_secret, save_secret, verify_identity


def test_identity_key_saved_and_loaded_is_the_same_key(tmp_path):
    key = IdentityKey.generate()
    key.save(tmp_path / "identity.key")
    assert (tmp_path / "identity.key").stat().st_mode & 0o777 == 0o600
    assert IdentityKey.load(tmp_path / "identity.key").public_key == key.public_key


def test_identity_key_file_readable_by_others_is_refused(tmp_path):
    IdentityKey.generate().save(tmp_path / "identity.key")
    (tmp_path / "identity.key").chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        IdentityKey.load(tmp_path / "identity.key")


def test_signature_verifies_only_under_its_own_name():
    key = IdentityKey.generate()
    signature = key.sign("grant", b"data")
    verify_identity(key.public_key, "grant", b"data", signature)
    with pytest.raises(SignatureError, match="receipt signature"):
        verify_identity(key.public_key, "receipt", b"data", signature)


def test_identity_key_shows_and_pickles_no_secret():
    key = IdentityKey(bytes(range(32)))
    assert bytes(range(32)).hex() not in repr(key)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


def test_secret_of_another_kind_or_size_is_refused(tmp_path):
    path = tmp_path / "x.key"
    save_secret(path, bytes(32), kind="issuer")
    assert load_secret(path, 32, kind="issuer") == bytes(32)
    with pytest.raises(ConfigurationError, match="another kind"):
        load_secret(path, 32, kind="opener")
    with pytest.raises(ConfigurationError, match="not 32"):
        load_secret(path, 16, kind="issuer")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"trunkline-secret-v2 issuer\n00\n", b"trunkline-secret-v1 issuer\nzz\n"]
)
def test_file_that_is_no_key_file_is_refused(tmp_path, content):
    path = tmp_path / "x.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is not a key file"):
        load_secret(path, 1, kind="issuer")


def test_missing_key_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"cannot read the key file .*gone\.key"):
        load_secret(tmp_path / "gone.key", 32, kind="issuer")
