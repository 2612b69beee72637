"""A deployment: the key ceremony, the registry, and running all parts on one machine.

`layout` names the folders, `ceremony` makes keys, signed parameters and configuration files, `enrolment`
adds providers, `processes` starts and stops the services of a local deployment, `lab` makes a deployment out
of a folder of call records with `carriers.toml`.
"""
