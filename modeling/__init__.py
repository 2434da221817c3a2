"""One encoder, its heads, and the reading and writing of their checkpoints."""
