"""A reader for HDF5 files: groups, arrays of numbers, and attributes that are texts. Python and NumPy, nothing else.

HDF5's own library is written in C and has a history of buffers that overflow on malicious files. A file from a stranger
is read here instead, where the worst end of a wrong number is an exception. A process of its own for that library would
be shorter to write, but limits of memory and time stop a bomb, not an overflow: whatever runs in that process may read
the user's files.

So the reader knows what h5py writes under any of its settings (the earliest format and the latest, chunks, gzip,
shuffle, checksums, big-endian numbers, a user block), and refuses what a model's weights have no use for: links that
point elsewhere, arrays in other files, types other than plain numbers. Checksums are checked where a file has them.

Read `file` first, then as you need it:
    source       bytes at addresses, no more of them than a model takes
    headers      the messages that describe a group or an array: shape, type, place, filters, attributes
    groups       names -> addresses, in the way of HDF5 1.0 and in that of 1.8
    trees, heaps what large groups are made of
    chunks       arrays in pieces: where they lie, and how they are unpacked
    checksums    two sums
Source:  The HDF Group, "HDF5 File Format Specification Version 3.0"
"""

from tinycnn.saving.hdf5.file import Dataset, Hdf5File
from tinycnn.saving.hdf5.source import Hdf5Error

__all__ = ["Dataset", "Hdf5Error", "Hdf5File"]
