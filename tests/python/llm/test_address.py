"""Addresses of endpoints: what each part means, and what is refused with which correction."""

import pytest

from mlperf_loadgen.llm.address import EndpointAddress, is_endpoint


@pytest.mark.parametrize(
    ("text", "host", "port", "tls", "path", "shown"),
    [
        ("http://gpu:8000/v1", "gpu", 8000, False, "/v1", "http://gpu:8000/v1"),
        ("openai+http://gpu:8000/v1/", "gpu", 8000, False, "/v1", "http://gpu:8000/v1"),
        ("openai+https://api.host/v1", "api.host", 443, True, "/v1", "https://api.host/v1"),
        ("HTTPS://api.host:443/a/v1", "api.host", 443, True, "/a/v1", "https://api.host/a/v1"),
        ("http://[::1]:8000/v1", "::1", 8000, False, "/v1", "http://[::1]:8000/v1"),
        ("http://gpu/", "gpu", 80, False, "", "http://gpu/"),
    ],
)
def test_parts(text, host, port, tls, path, shown):
    address = EndpointAddress.parse(text)
    assert (address.host, address.port, address.tls, address.path) == (host, port, tls, path)
    assert str(address) == shown
    assert address.model is None
    assert address.target("/models") == f"{path}/models"


def test_the_query_names_the_model_and_the_rest_goes_with_each_request():
    address = EndpointAddress.parse("http://h/v1?model=Qwen%2FQwen3-8B&api-version=2024&key=secret")
    assert address.model == "Qwen/Qwen3-8B"
    assert address.target("/models") == "/v1/models?api-version=2024&key=secret"
    assert "secret" not in str(address)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu:8000/v1", "it has no scheme http:// or https://; give http://gpu:8000/v1"),
        ("ftp://gpu/v1", "it has no scheme"),
        ("http://gpu:8000", "it has no path.*give http://gpu:8000/v1"),
        ("http://gpu/v1/chat/completions", "/chat/completions is added.*give http://gpu/v1$"),
        ("http://gpu/v1/completions/", "/completions is added.*give http://gpu/v1$"),
        ("http://gpu/v1/models", "/models is added.*give http://gpu/v1$"),
        ("http:///v1", "it has no host"),
        ("http://gpu:0/v1", "its port is 0"),
        ("http://gpu:70000/v1", "its host or its port"),
        ("http://gpu:port/v1", "its host or its port"),
        ("http://[::1/v1", "its host or its port"),
        ("http://user:password@gpu/v1", "it has a user or a password; give api_key or headers"),
        ("http://gpu/v1#part", "it has a #"),
        ("http://gpu/a b", "characters that an address must not have"),
        ("http://gpu/v1\r\nX: 1", "characters that an address must not have"),
        ("http://gpu/v1?model=", "it must name one model"),
        ("http://gpu/v1?model=a&model=b", "it must name one model"),
    ],
)
def test_what_is_no_address_is_refused_with_the_correction(text, message):
    with pytest.raises(ValueError, match=f"is no address of an endpoint: .*{message}") as refused:
        EndpointAddress.parse(text)
    assert "password@" not in str(refused.value)


def test_what_is_no_text():
    with pytest.raises(TypeError, match="must be a text such as 'http://host/v1', not 5"):
        EndpointAddress.parse(5)


def test_endpoints_are_known_by_their_scheme():
    assert is_endpoint("openai+http://gpu:8000/v1")
    assert is_endpoint("OpenAI+HTTPS://")
    assert not is_endpoint("http://gpu:8000/v1")
    assert not is_endpoint("openai+http")
