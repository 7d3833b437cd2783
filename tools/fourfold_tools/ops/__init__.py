"""The kinds of work a step does, each behind the Op protocol of `base`."""
