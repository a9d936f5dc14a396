"""Words of synthetic English: real function words, and any number of pronounceable content words."""

from __future__ import annotations

import numpy as np

# Occurrences per 10,000 words of English text, as in large corpora.
_OCCURRENCES = """
the 620 of 310 and 280 to 250 a 215 in 205 is 105 was 100 that 105 for 92 it 80 on 70 with 70 as 70 he 62
I 60 by 55 be 55 you 50 at 50 are 50 from 45 not 45 this 45 his 42 have 42 but 40 or 40 had 35 they 35 we 35
which 34 were 34 an 34 one 31 all 27 has 29 their 28 would 25 will 25 her 25 she 25 there 25 who 25 been 22
can 22 if 22 when 22 more 21 so 20 no 20 its 20 about 18 out 18 up 18 what 18 into 17 him 17 them 17 do 16
than 16 some 16 could 15 other 15 my 15 our 14 only 14 then 14 may 13 these 13 also 13 any 12 how 12 after 12
two 14 first 12 over 12 your 12 such 11 most 11 did 10 many 10 where 10 before 9 should 9 must 8 through 8
me 13 us 8 very 8 now 10 even 8 because 8 between 7 those 7 under 6 while 6 during 5 both 5 each 6 against 5
why 4 whose 2 whom 2 does 5 without 4 within 3 until 4
"""
# The share of each function word of all words.
FUNCTION_WORDS: dict[str, float] = {
    word: int(share) / 10_000
    for word, share in zip(_OCCURRENCES.split()[::2], _OCCURRENCES.split()[1::2], strict=True)
}

# Onsets and vowels of syllables, and final consonants of words.
_SOUNDS = """b bl br c ch cl cr d dr f fl g gr h j k l m n p pl pr r s sh sl sp st t tr v w
a e i o u ai ea
n r l t m d g p nd st ck rt"""
_ONSETS, _VOWELS, _CODAS = (line.split() for line in _SOUNDS.splitlines())
_OPEN_SYLLABLES = [onset + vowel for onset in _ONSETS for vowel in _VOWELS]
_CLOSED_SYLLABLES = [
    syllable + coda
    for syllable in _OPEN_SYLLABLES
    for coda in _CODAS
    if syllable + coda not in FUNCTION_WORDS
]
# Nouns, verbs, Latinate verbs and adjectives, by word number modulo 4.
_ENDINGS = (
    ("", "", "", "s"),
    ("", "s", "ed", "ing"),
    ("", "ed", "ing", "ation"),
    ("", "", "ly", "ness"),
)
FORMS = len(_ENDINGS[0])
_ZIPF_SHIFT = 30
_COMMON_WORDS = 10_000
_RARE_EXPONENT = 1.9
# Frequent words are short.
_MONOSYLLABLES = 400
_DISYLLABLES = 60_000
# Coprime to the number of syllables, so that words with adjacent numbers look different.
_STRIDE = 1_000_003


def content_word(number: int, form: int) -> str:
    """Return a word by its frequency rank from 0, in one of its `FORMS`."""
    rest = number * _STRIDE
    syllables = [_CLOSED_SYLLABLES[rest % len(_CLOSED_SYLLABLES)]]
    if number >= _MONOSYLLABLES:
        rest //= len(_CLOSED_SYLLABLES)
        syllables.append(_OPEN_SYLLABLES[rest % len(_OPEN_SYLLABLES)])
    if number >= _DISYLLABLES:
        rest //= len(_OPEN_SYLLABLES)
        syllables.append(_OPEN_SYLLABLES[rest % len(_OPEN_SYLLABLES)])
    return "".join(reversed(syllables)) + _ENDINGS[number % len(_ENDINGS)][form]


def cumulative_frequencies(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the cumulative probabilities of `count` content words by rank, by the Zipf-Mandelbrot law.

    Words beyond the first 10,000 have a steeper exponent, as in large corpora.
    """
    ranks = np.arange(1, count + 1, dtype=np.float64)
    weights = 1 / (ranks + _ZIPF_SHIFT)
    rare = ranks > _COMMON_WORDS
    weights[rare] *= (ranks[rare] / _COMMON_WORDS) ** (1 - _RARE_EXPONENT)
    total = np.cumsum(weights)
    return np.asarray(total / total[-1])
