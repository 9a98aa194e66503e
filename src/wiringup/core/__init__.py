"""What every room shares: areas, specs, seeds, scores, checks and errors. Imports nothing of ours."""
