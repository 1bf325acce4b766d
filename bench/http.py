"""A small HTTP/1.1 client for load: keep-alive, one request at a time per connection, JSON both ways.

A general client costs more per request than the server under test; this one leaves the cores to the server.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self
from urllib.parse import quote

import msgspec

BASE = "/v1/apps/default/envs/default"


class Answered(Exception):
    """The server answered with an error: status and problem document."""

    def __init__(self, status: int, problem: Any) -> None:
        super().__init__(f"{status}: {problem}")
        self.status, self.problem = status, problem


class Connection:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to a server on this machine."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer)

    def close(self) -> None:
        self._writer.close()

    async def request(self, method: str, path: str, body: Any = None, headers: str = "") -> Any:
        """The decoded answer; ``Answered`` for a status of 400 and above, ``ConnectionError`` when it breaks off."""
        payload = b"" if body is None else msgspec.json.encode(body)
        head = f"{method} {BASE}{path} HTTP/1.1\r\nhost: shem\r\ncontent-type: application/json\r\n{headers}"
        self._writer.write(f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload)
        try:
            raw = await self._reader.readuntil(b"\r\n\r\n")
            lines = raw.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ", 2)[1])
            length = next(int(line[15:]) for line in lines if line.lower().startswith("content-length:"))
            answer = await self._reader.readexactly(length) if length else b""
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the server closed the connection") from error
        decoded = msgspec.json.decode(answer) if answer else None
        if status >= 400:
            raise Answered(status, decoded)
        return decoded

    async def invoke(self, agent: str, method: str, *args: Any, key: str | None = None) -> Any:
        """The result of one invocation."""
        headers = "" if key is None else f"idempotency-key: {key}\r\n"
        path = f"/agents/{quote(agent, safe='')}/invoke"
        answer = await self.request("POST", path, {"method": method, "args": args}, headers)
        return answer["result"]


def deploy(url: str, directory: str) -> None:
    """Build and deploy an application, as ``shem deploy`` does."""
    from pathlib import Path

    from shem.build.application import package
    from shem.client import Client

    built = package(Path(directory))
    with Client(url) as client:
        client.deploy(built.name, built.manifest, wasm=built.wasm, files=built.files)
