"""`python -m cultivar` is the command line."""

from cultivar.cli import main

main()
