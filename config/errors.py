class ConfigError(Exception):
    """The environment asks for something that cannot be; the message is one line for the operator."""
