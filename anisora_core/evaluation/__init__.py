"""How good a model is: metrics (numbers of frames), suites (what is made and measured), and their report."""
