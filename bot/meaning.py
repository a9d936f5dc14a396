"""The sentence encoder, as the settings want it."""

import logging

from config.settings import Settings
from retrieval.errors import EncoderError
from retrieval.meaning.encoder import Encoder, is_installed, load_encoder

_log = logging.getLogger(__name__)


def encoder_for(settings: Settings) -> Encoder | None:
    """Return the encoder, whose weights are read when it is used, or None where meanings are not compared.

    Where it is installed and cannot be loaded, the log has a line about it.
    """
    if settings.meaning == "off" or not is_installed():
        return None
    try:
        return load_encoder()
    except EncoderError as error:
        _log.warning("%s. Answers are found by words alone", error)
        return None


def loaded_encoder_for(settings: Settings) -> Encoder | None:
    """Return what `encoder_for` does, with the encoder's weights read, which takes half a second."""
    encoder = encoder_for(settings)
    try:
        if encoder:
            encoder.encode_question("")
    except EncoderError:
        # The encoder has told why.
        return None
    return encoder
