"""Models scored outside of a run: what is asked, who answers, and what is made of the scores."""
