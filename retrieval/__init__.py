"""Documents in, verbatim quotes out. Knows nothing of Telegram, the environment or the process it runs in."""
