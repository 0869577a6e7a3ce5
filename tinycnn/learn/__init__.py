"""A course in which one writes the network: every forward and backward of the notebook's CNN.

    python -m tinycnn.learn start      # writes the next file into tinycnn_course/
    python -m tinycnn.learn check      # says what holds and what does not
    python -m tinycnn.learn hint       # where, then what, then what to read

Read `course.py` for the order, `units/03_dense_backward/` for one unit, `child.py` for how the learner's code is run,
`rungs.py` for how it is judged. README.md in this folder is for teachers.
"""
