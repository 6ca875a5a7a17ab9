"""CURVE keys: they say who may talk to a node, and keep the traffic secret.

A folder made by `make_keys` has a pair of keys for nodes and one for load generators. Nodes get
`node.key_secret` and `client.key`; load generators get `client.key_secret` and `node.key`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...host.folders import make_folder
from .link import NetworkOptionError


@dataclass(frozen=True)
class Keys:
    """The keys of one end; each has 40 characters of ZeroMQ's Z85 encoding."""

    public: bytes
    secret: bytes
    peer: bytes
    """The other end's public key. No other peer is accepted."""


def make_keys(folder: str | os.PathLike[str]) -> Path:
    """Writes new keys for nodes and load generators into `folder`, which is made if missing.

    Raises FileExistsError if there are keys already.
    """
    from zmq.auth import create_certificates

    path = make_folder(folder, "folder")
    for name in ("node", "client"):
        for ending in (".key", ".key_secret"):
            if (path / f"{name}{ending}").exists():
                raise FileExistsError(
                    f"{path / name}{ending} is there already; remove it, or give another folder"
                )
    for name in ("node", "client"):
        _, secret_file = create_certificates(path, name)
        Path(secret_file).chmod(0o600)
    return path


def _load(folder: str | os.PathLike[str], own: str, other: str) -> Keys:
    from zmq.auth import load_certificate

    path = Path(folder)
    try:
        public, secret = load_certificate(path / f"{own}.key_secret")
        peer, _ = load_certificate(path / f"{other}.key")
    except (OSError, ValueError) as error:
        raise NetworkOptionError(
            f"no keys in {path}: {error}; make them with `mlperf-loadgen keys {path}` and copy "
            f"{own}.key_secret and {other}.key here"
        ) from None
    if secret is None:
        raise NetworkOptionError(f"{path / own}.key_secret has no secret key")
    return Keys(public, secret, peer)


def node_keys(folder: str | os.PathLike[str]) -> Keys:
    """The keys that a node needs. Raises NetworkOptionError if they are not there."""
    return _load(folder, "node", "client")


def client_keys(folder: str | os.PathLike[str]) -> Keys:
    """The keys that a load generator needs. Raises NetworkOptionError if they are not there."""
    return _load(folder, "client", "node")
