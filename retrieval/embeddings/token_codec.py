"""Token vectors in two bits per dimension, and their similarity to the tokens of a question.

A passage has about 100 tokens, so they take 10 KB instead of 150. Only passages are quantized; the vectors
of a question stay exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# A row for each token, shape (tokens, dimensions / 4).
TokenCodes = NDArray[np.uint8]

# The levels of a two-bit quantizer with the least error for a normal distribution, and the limits between
# them, in standard deviations (Max, "Quantizing for minimum distortion", 1960).
_LEVELS = np.array([-1.510, -0.4528, 0.4528, 1.510], np.float32)
_LIMITS = np.array([-0.9816, 0.0, 0.9816], np.float32)
_PER_BYTE = 4
_SHIFTS = np.arange(0, 8, 2, dtype=np.uint8)
# The four levels of each byte.
_LEVELS_BY_BYTE = _LEVELS[np.arange(256, dtype=np.uint8)[:, None] >> _SHIFTS & 3]


@dataclass(frozen=True, slots=True)
class TokenCodec:
    """Quantizes vectors by the `means` and standard `deviations` of their dimensions, shape (dimensions,)."""

    means: Floats
    deviations: Floats

    @property
    def code_bytes(self) -> int:
        """The size of the code of a token."""
        return len(self.means) // _PER_BYTE

    def encode(self, vectors: Floats) -> TokenCodes:
        """Return the codes of vectors of shape (tokens, dimensions)."""
        levels = np.searchsorted(_LIMITS, (vectors - self.means) / self.deviations).astype(np.uint8)
        parts = levels.reshape(len(vectors), self.code_bytes, _PER_BYTE) << _SHIFTS
        codes: TokenCodes = np.bitwise_or.reduce(parts, axis=2)
        return codes

    def similarity(self, vectors: Floats, codes: TokenCodes) -> Floats:
        """Return the inner products of vectors and encoded ones, shape (len(vectors), len(codes))."""
        decoded = _LEVELS_BY_BYTE[codes].reshape(len(codes), len(self.means))
        products: Floats = (vectors * self.deviations) @ decoded.T + (vectors @ self.means)[:, None]
        return products
