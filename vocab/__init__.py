"""Training WordPiece vocabularies, the one tokenizer, and a report that compares vocabularies."""
