"""The tasks by name. Adding one: a file here, a config of the same name, a test.

`TASKS[name](config)` is an object with

    name                        of its config, configs/finetune/NAME.json
    main_metric                 the score that chooses the best epoch and stands in tables
    kind                        its head, loss and predictions: Classification, Regression, Tagging or Span
    published                   split -> how many examples the published files have
    splits(data_dir, max_bad_rows) -> {"train": [example], "test": [example], perhaps "dev"}
    texts(example)                          -> its texts; first the one that other examples may share
    features(examples, tokenizer, training) -> finetune.features.Features
    decoded(outputs, examples, features)    -> what is said, from the kind's predictions
    score(decoded, examples)                -> (scores, extra results)
    save(decoded, examples, directory)      writes the predictions
    inputs, example(id, *inputs), answers(decoded, examples)  for new text: see finetune/predict.py

finetune/sentences.py, words.py and questions.py hold the three sorts there are. The loop in
finetune/train.py knows nothing else of a task.
"""

from finetune.tasks import (
    fake_news,
    hate_speech,
    kornli,
    korquad,
    korquad_v2,
    korsts,
    modu_sentiment,
    naver_ner,
    nsmc,
    paws,
    question_pair,
    squad_v1,
    squad_v2,
    tydiqa,
)

TASKS = {
    "nsmc": nsmc.create,
    "naver-ner": naver_ner.create,
    "paws": paws.create,
    "kornli": kornli.create,
    "korsts": korsts.create,
    "question-pair": question_pair.create,
    "hate-speech": hate_speech.create,
    "korquad": korquad.create,
    "squad-v1.1": squad_v1.create,
    "squad-v2.0": squad_v2.create,
    "korquad-v2": korquad_v2.create,
    "tydiqa": tydiqa.create,
    "fake-news": fake_news.create,
    "modu-sentiment": modu_sentiment.create,
}
