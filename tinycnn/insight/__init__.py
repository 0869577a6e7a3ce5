"""What looks inside: are gradients right (``gradient_check/``), what do layers put out and learn (``inspection.py``),
does Keras compute the same (``parity.py``), what do batch normalization's statistics do (``normalization.py``)."""
