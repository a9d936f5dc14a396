"""`python -m bot.cli` is the command `verbatim`."""

from bot.cli.commands import main

main()
