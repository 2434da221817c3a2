"""The tasks by name. Adding one: a file here, a config of the same name, a test.

A task is an object with

    name                        of its config, configs/finetune/NAME.json
    main_metric                 the score that chooses the best epoch and stands in tables
    kind                        its head, loss, predictions and scores: see finetune/classification.py
    splits(data_dir, config)    -> {"train": [example], "test": [example], perhaps "dev"}
    features(examples, tokenizer, max_seq_length) -> finetune.features.Features
    evaluate(outputs, examples, features) -> (scores, extra results)   from the kind's predictions
    prediction_rows(outputs, examples, features) -> rows of the predictions file, the header first

The loop in finetune/train.py knows nothing else of it.
"""

from finetune.tasks.nsmc import Nsmc

TASKS = {"nsmc": Nsmc()}
