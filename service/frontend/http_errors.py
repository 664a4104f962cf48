"""Errors as HTTP answers: always JSON, `{"error": {"code", "message"}}`, status from the one table."""

import logging
import math
import secrets

import orjson
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from codec.errors import CodecError
from service.status import ANSWERS, Condition, ServiceError, service_error

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 1


def error_response(error: ServiceError, headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that ended in a condition of the table."""
    answer = ANSWERS[error.condition]
    all_headers = dict(headers or {})
    if answer.retry:
        all_headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds or RETRY_AFTER_SECONDS)))
    if error.condition is Condition.UNAUTHENTICATED:
        all_headers["WWW-Authenticate"] = "Bearer"
    return _response(answer.http_status, error.condition.name.lower(), error.message, all_headers)


def problem_of(error: Exception) -> ServiceError:
    """The condition under which an exception is told; a defect is logged and told as INTERNAL."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, CodecError):
        return service_error(error)
    if isinstance(error, ClientDisconnect):
        return ServiceError(Condition.CANCELLED, "the client has left")
    return internal_error(error)


def internal_error(error: BaseException) -> ServiceError:
    """A defect, logged with its trace under an id; the caller is told the id and nothing else."""
    error_id = secrets.token_hex(8)
    logger.error("internal error %s", error_id, exc_info=error)
    return ServiceError(Condition.INTERNAL, f"internal error {error_id}; report this id to the operator")


def install(app: FastAPI) -> None:
    """Answer everything that goes wrong outside the handlers in the same form."""

    async def of_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.url.path
        if error.status_code == 404:
            return _response(404, "not_found", f"there is no {path}; see /docs", {})
        headers = dict(error.headers or {})
        message = f"{error.detail}: {request.method} {path}; see /docs"
        return _response(error.status_code, error.detail.lower().replace(" ", "_"), message, headers)

    async def of_defect(request: Request, error: Exception) -> Response:
        return error_response(internal_error(error))

    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(Exception, of_defect)


def _response(status: int, code: str, message: str, headers: dict[str, str]) -> Response:
    body = orjson.dumps({"error": {"code": code, "message": message}})
    return Response(body, status, headers, "application/json")
