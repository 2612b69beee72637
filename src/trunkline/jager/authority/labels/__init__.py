"""The label authority: holds the OPRF key k and evaluates blinded call details, without learning them."""
