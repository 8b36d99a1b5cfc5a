"""The catalogue of open models, GPUs and prices: data files with a source and a date a line, and the user's own."""
