"""Training WordPiece vocabularies, the one tokenizer, those of released models, and a report on vocabularies."""
