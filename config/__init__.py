"""The settings, read once from the environment and `.env`, and logging."""


class ConfigError(Exception):
    """A setting is wrong; the message is one line for the operator."""
