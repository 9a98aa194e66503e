"""``python -m wiringup`` is ``wiringup``."""

from wiringup.cli.main import main

main()
