"""Server plumbing that all systems share: keys, request signatures, HTTP, configuration, storage, logs.

Nothing in here knows a protocol of ours beyond the domain tags of its Ed25519 signatures.
"""
