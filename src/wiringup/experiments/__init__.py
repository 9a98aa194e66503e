"""The only place where stages meet: images -> model -> birth -> training -> scores -> record."""
