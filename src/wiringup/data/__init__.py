"""Images, recordings and behaviour: fetched, imported, rendered or simulated."""
