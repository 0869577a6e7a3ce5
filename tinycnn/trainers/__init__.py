"""How a model is trained: ``trainer.py`` has the loop and the one step; ``batches.py`` cuts data into batches;
``callbacks/`` are told what happens; ``fusion.py`` computes layers that follow each other in one pass;
``checkpoints.py``, ``locks.py`` and ``interrupt.py`` see to it that nothing is lost."""
