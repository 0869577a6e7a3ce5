"""How fast tinycnn is, beside Keras and PyTorch: see README.md. ``python -m benchmarks`` gives one line."""
