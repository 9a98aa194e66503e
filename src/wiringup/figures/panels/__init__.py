"""The panels of the paper's figures, drawn from the table of results and from published scores."""
