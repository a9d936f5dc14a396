"""What each feature of a quote is worth, and of an answer at all: the only fitted constants there are.

Fitted once, over 3060 questions about 240 paragraphs in English, Russian, Arabic, German and Chinese. How,
what each feature brings, and what the fit reaches on languages it has not seen, stands in docs/ranking.md.
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
# libraries of 5 to 306 paragraphs. The number of passages was no help.
CONFIDENCE = {
    "stems": 2.43,
    "grams": 4.62,
    "piece": 2.97,
    "pairs": 4.25,
    "names": 0.93,
    "alike": 4.43,
    "often": 4.29,
    "rest": 4.31,
    "near": 2.49,
    "run_grams": 2.1,
    "words": 0.46,
}
CONFIDENCE_BIAS = -8.1
