"""The authorization authority: holds sk_T and the grant key, and decides who may trace what."""
