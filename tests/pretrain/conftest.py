"""Records for the training tests."""

import pytest


@pytest.fixture(scope="session")
def data(make_records, tmp_path_factory):
    """A directory of records: 240 examples in four shards, of lengths up to 16."""
    # `make_records` writes rows one token longer than it is told.
    return make_records(tmp_path_factory.mktemp("records"), [70, 50, 60, 60], max_seq_length=15)
