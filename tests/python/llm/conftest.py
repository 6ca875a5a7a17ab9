"""The mock server that tests of endpoints share."""

import pytest
from mock_llm import mock_llm


@pytest.fixture(scope="module")
def mock():
    with mock_llm(record=1) as running:
        yield running


@pytest.fixture
def clean(mock):
    mock.reset()
    return mock
