"""Bring in anyone's own data: checked at the door, stored whole, a data set by its name afterwards."""
