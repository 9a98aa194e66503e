"""The command line: typed arguments in, experiments and figures called, text or JSON out."""
