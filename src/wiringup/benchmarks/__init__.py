"""Brain scores: models on recordings and behaviour, with ceilings and errors."""
