"""The record store: takes records from nobody in particular, keeps them, and answers grants.

It learns ciphertexts, their indices and the hours they came in; who asked for which indices, and when. It
learns neither who contributed a record nor what is in it.
"""
