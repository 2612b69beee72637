"""The carrier's side: an agent that contributes encrypted call records and traces calls.

`agent` runs everything of one carrier in one process; `control` is how the command line talks to it. Who
learns what: the agent alone sees numbers and call records. The label authority sees blinded inputs, in
batches whose size says nothing; the record store sees encrypted records without a sender; only a trace
shows who asks.
"""
