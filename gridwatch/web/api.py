"""flask-smorest, with our error shape in the document and in the answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
from flask import Request, Response
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import EXCLUDE, RAISE, Schema, fields
from webargs import missing
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException

from gridwatch.domain.errors import Refusal
from gridwatch.web.clock import rfc3339
from gridwatch.web.identity import public
from gridwatch.web.problems import from_http


class ProblemSchema(Schema):
    """RFC 9457, with our members: `code` is stable, `facts` is for programs, `do` says what the reader can do."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    facts = fields.Dict(keys=fields.String(), required=True)
    do = fields.String(required=True)
    request_id = fields.String(required=True)


class Input(Schema):
    """Base of what comes in: unknown members are refused, so that a misspelt one is not silently lost."""

    class Meta:
        unknown = RAISE


class Output(Schema):
    """Base of what goes out: clients of an older document must not stumble over members added later."""

    class Meta:
        unknown = EXCLUDE


class Moment(fields.String):
    """An instant in an answer, as the protocol writes it."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return rfc3339(value)


class JsonParser(FlaskParser):
    """Bodies are JSON: a missing type is taken as JSON, another one is 415, what does not parse 400 (protocol, section 2).

    orjson refuses what no database could keep: NaN, lone surrogates, nesting without end.
    """

    def _raw_load_json(self, req: Request) -> Any:
        if req.mimetype and not req.is_json:
            raise Refusal("http.unsupported_media")
        body = req.get_data(cache=True)
        if not body:
            return missing
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Refusal("http.bad_request") from None
        if fields_ := list(nul_in(value)):
            raise Refusal(
                "input.invalid", fields=[{"path": path, "problem": "含空字符 / holds a NUL"} for path in fields_]
            )
        return value


def nul_in(value: Any, path: str = "") -> Iterator[str]:
    """The paths of texts with a NUL, which PostgreSQL cannot keep."""
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nul_in(key, f"{path}.?")
            yield from nul_in(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from nul_in(inner, f"{path}[{place}]")


class Api(SmorestApi):
    """The API with problem+json errors."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: HTTPException) -> Response:  # type: ignore[override]
        return from_http(error)

    @public
    def _openapi_json(self) -> Response:
        """The API document holds no data, so everybody may read it."""
        return super()._openapi_json()

    def _register_responses(self) -> None:
        """Document errors under the media type in which they are sent."""
        usual = (
            self.DEFAULT_RESPONSE_CONTENT_TYPE if hasattr(self, "DEFAULT_RESPONSE_CONTENT_TYPE") else "application/json"
        )
        self.DEFAULT_RESPONSE_CONTENT_TYPE = "application/problem+json"
        try:
            super()._register_responses()
        finally:
            self.DEFAULT_RESPONSE_CONTENT_TYPE = usual


class Blueprint(SmorestBlueprint):
    """A feature's routes. Lists page by cursor in the body, so there is no pagination header."""

    PAGINATION_HEADER_NAME = None
    ARGUMENTS_PARSER = JsonParser()


API_CONFIG: dict[str, Any] = {
    "API_TITLE": "Gridwatch 网格巡查",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api/v1",
    "OPENAPI_JSON_PATH": "openapi.json",
}
