"""Fine-tuned models as SavedModels: raw strings in, answers out, with nothing but TensorFlow and TF-Text.

Each kind of task has a file with its signature, in which what `finetune/predict.py` does outside the model is
done by TensorFlow operations: `sentences`, `words` and `questions`. All batches may have any size, 0 too.
"""
