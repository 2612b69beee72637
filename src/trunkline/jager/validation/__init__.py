"""Traceback validation: from decrypted records to the path of a call, its origin and whom to ask next.

Everything here is pure: no network, no disk, no clock. The tracer, the accountability authority and a judge
run the same code over the same evidence and so reach the same findings.

    report = validate(Situation(records=records, own=own, ...))
    print(draw(report.call, names))
"""
