"""The error of wrong settings, apart from them: reading settings takes longer to import."""


class ConfigError(Exception):
    """A setting is wrong; the message is one line for the operator."""
