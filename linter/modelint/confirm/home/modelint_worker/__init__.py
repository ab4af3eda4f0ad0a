"""The process that runs models: it needs a framework and numpy, and nothing of modelint.

Reads requests from standard input and writes answers to standard output, a JSON object a line each. What a model or a
framework prints goes to standard error.
"""
