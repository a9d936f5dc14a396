"""What each feature of a quote is worth, and of an answer at all: the only fitted constants there are.

Fitted once, over 3060 questions about 240 paragraphs in English, Russian, Arabic, German and Chinese. How,
what each feature brings, and what the fit reaches on languages it has not seen, stands in docs/ranking.md.
A negative weight takes back what two features count twice.
"""

# A softmax over all runs of a question, the runs that hold its answer against the rest.
WEIGHTS = {
    "stems": 4.29,
    "grams": 5.13,
    "piece": 4.11,
    "pairs": 2.12,
    "names": 2.1,
    "coverage": -1.31,
    "exact": -5.52,
    "alike": 10.91,
    "often": 9.92,
    "rest": 4.7,
    "near": 4.68,
    "local": -10.03,
    "within_document": 1.98,
    "within_passage": 1.11,
    "untitled": 6.65,
    "run_grams": 2.1,
    "best_piece": 1.66,
    "previous": 2.51,
    "length": 1.37,
    "small": -0.75,
    "year": 2.02,
    "person": 0.93,
}

# A logistic regression over the best run: questions the documents answer against questions they do not, in
# libraries of 5 to 306 paragraphs. The number of passages was no help.
CONFIDENCE = {
    "stems": 2.09,
    "grams": 3.96,
    "piece": 3.09,
    "pairs": 4.46,
    "names": 0.89,
    "lost_names": -2.52,
    "alike": 3.5,
    "often": 4.8,
    "rest": 6.85,
    "near": 2.99,
    "run_grams": 2.41,
    "words": 0.32,
}
CONFIDENCE_BIAS = -7.14
