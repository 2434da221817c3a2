"""Pretraining: documents to records to batches, the objectives, the training loop."""
