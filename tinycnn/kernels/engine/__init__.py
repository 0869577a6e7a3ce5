"""What the fast kernels are made of: products by blocks, Winograd's way, pooling windows; and how they are compiled,
kept, and shared out among threads. Start with ``block_product.py``, the one loop that makes them fast."""
