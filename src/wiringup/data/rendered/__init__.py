"""Rendered objects: a labelled image set of shaded 3-D objects on natural-statistics backgrounds.

In the spirit of the HvM images of Majaj, Hong, Solomon & DiCarlo (2015): eight categories of eight
exemplars each, whose position, size and pose vary at three levels, with the latent variables returned.
"""
