"""Reads the settings for a command."""

from config import logging
from config.settings import Settings


def read_settings() -> Settings:
    """Read the settings, and set up logging as they say."""
    settings = Settings.read()
    logging.configure(settings.log_level, settings.log_format, settings.secrets)
    return settings
