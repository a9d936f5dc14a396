"""What each feature of a quote is worth, and of an answer at all: the only fitted constants there are.

Fitted once by regression over 3060 questions about 240 paragraphs in English, Russian, Arabic, German and Chinese
(docs/ranking.md tells how, what each feature brings, and what the fit reaches on languages it has not seen).
A negative weight takes back what two features count twice.
"""

# A softmax over all runs of a question, the runs that hold its answer against the rest.
WEIGHTS = {
    "stems": 4.39,
    "grams": 5.1,
    "piece": 3.88,
    "pairs": 1.94,
    "names": 1.92,
    "coverage": -4.45,
    "exact": -5.04,
    "alike": 19.77,
    "often": 10.31,
    "rest": 9.07,
    "near": 4.96,
    "local": -9.12,
    "within": 3.41,
    "run_grams": 2.02,
    "best_piece": 1.81,
    "previous": 2.59,
    "length": 1.45,
    "small": -0.82,
    "year": 2.16,
    "person": 0.92,
}

# A logistic regression over the best run: questions the documents answer against questions they do not, in
# libraries of 5 to 125 paragraphs.
CONFIDENCE = {
    "stems": 3.48,
    "grams": 6.0,
    "piece": 4.99,
    "names": 0.96,
    "alike": 4.61,
    "within": -1.82,
    "score": 0.158,
    "words": 0.91,
    "size": -0.51,
}
CONFIDENCE_BIAS = -7.56
