"""The typed face of the cryptographic core: one module per primitive of docs/protocol.md.

Batch calls take and return packed bytes, release the interpreter lock and use the threads of one shared
pool (`trunkline.crypto.runtime`), also after a fork. Keys are objects that are wiped when they are freed,
compare in constant time, print no secret and cannot be pickled or copied; `secret_bytes()` is the only
way out. What fails raises a class of `trunkline.errors`; errors of batch calls name the bad elements in
their attribute `indices`.

A record from the keys to the judge:

    >>> from trunkline.crypto.contribution import Contributor
    >>> from trunkline.crypto.group_signature import (
    ...     GroupPublicKey, IssuerKey, MemberSecret, OpenerKey, Signer, Verifier, judge_opening)
    >>> from trunkline.crypto.label_signature import AuthorizationKey
    >>> from trunkline.crypto.record import BODY_SIZE, record_message
    >>> from trunkline.crypto.witness_encryption import Encryptor, decrypt_batch
    >>> params, kid, carrier, case = bytes(32), bytes(16), bytes(16), bytes(32)
    >>> issuer, opener = IssuerKey.generate(), OpenerKey.generate()
    >>> authorization = AuthorizationKey.generate()
    >>> group = GroupPublicKey(issuer.public_key, opener.public_key)
    >>> member = MemberSecret.generate()
    >>> signer = Signer(group, params, member, issuer.issue(7, member.public_point))
    >>> encryptor = Encryptor(authorization.public_key, kid)
    >>> label, details, hop = bytes(64), b"the call's details", bytes(60)
    >>> record = Contributor(encryptor, signer).contribute_batch(label, [details], hop)
    >>> Verifier(group, params).verify_records(record, 7)
    []
    >>> body, signature = record[14 : 14 + BODY_SIZE], record[14 + BODY_SIZE :]
    >>> witness = authorization.sign_batch(kid, label)
    >>> decrypt_batch(authorization.public_key, kid, witness, label, [details], body) == [hop]
    True
    >>> message = record_message(params, 7, group.id, body)
    >>> opening = opener.prove(
    ...     signature, params_hash=params, gpk_id=group.id, case=case, carrier_id=carrier, message=message)
    >>> judge_opening(
    ...     group, params, period=7, message=message, signature=signature, opening=opening,
    ...     case=case, carrier_id=carrier) == member.public_point
    True
"""
