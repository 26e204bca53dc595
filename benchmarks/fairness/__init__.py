"""The parts of ``kitchen_fairness.py``: what is taken away, what is exchanged, what is guessed, how it is shown."""
