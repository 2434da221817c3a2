from tests.tpu.test_strategy import *  # noqa
def test_port_too_large():
    refused("grpc://127.0.0.1:99999")
def test_unicode_digit():
    refused("grpc://127.0.0.1:²")
def test_idna():
    refused("grpc://" + "a" * 70 + ":80")
