"""wiringup: how little supervised learning does a model of the ventral visual stream need?"""

from importlib.metadata import version

__version__ = version("wiringup")
