"""The command line, one module per role. Here are options, progress and words."""
