"""`python -m tokenroof` is the command line."""

from tokenroof.cli.main import main

main()
