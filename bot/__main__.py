"""`python -m bot` is `verbatim run`; `python -m bot COMMAND` is `verbatim COMMAND`.

Hosts that install only requirements.txt do not have the `verbatim` script.
"""

import sys

if __name__ == "__main__":
    if len(sys.argv) > 1:
        import runpy

        # Runs as `python -m bot.cli` does, which is also the program name in usage messages.
        runpy.run_module("bot.cli", run_name="__main__", alter_sys=True)
    else:
        # Running the bot needs no other command.
        from bot.concurrency import end_process
        from bot.lifecycle import main

        end_process(main())
