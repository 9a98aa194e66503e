"""Many runs: the list of a study, and how it is worked off, here, by several processes or on a cluster."""
