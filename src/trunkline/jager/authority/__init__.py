"""The four authorities: services with separate keys and data, which import nothing of each other.

What they share is plumbing without secrets: `standing` (who may speak to an authority), `quota` and
`transparency_log`.
"""
