"""The network address that a request comes from, where something has to be limited by it. It is never stored or logged here."""

from __future__ import annotations

from ipaddress import ip_address

from flask import request


def client_address() -> str | None:
    """The address of the client: what the proxy on this machine says (deploy/nginx.conf sets it anew), else the peer itself.

    From any other peer the header is worth nothing, since everybody can send it.
    """
    peer = request.remote_addr
    forwarded = request.headers.get("X-Forwarded-For", "")
    if forwarded and _is_this_machine(peer):
        return forwarded.rpartition(",")[2].strip()
    return peer


def _is_this_machine(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False
