"""The command line, one module per role. Protocol work happens below; here are options, progress and words."""
