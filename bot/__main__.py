"""`python -m bot` is `verbatim run`; followed by a command, such as `check`, it is that one.

A host that installs nothing but requirements.txt has no command `verbatim`; this it has.
"""

import sys

if __name__ == "__main__":
    if len(sys.argv) > 1:
        import runpy

        # As `python -m bot.cli` would: it sets the name of the program in what it tells, too.
        runpy.run_module("bot.cli", run_name="__main__", alter_sys=True)
    else:
        # Running takes none of the other commands.
        from bot.lifecycle import main

        sys.exit(main())
