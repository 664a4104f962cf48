"""The admin interface over HTTP, with its documentation under `/docs`."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response

from codec.errors import CodecError
from service.admin.schema import (
    CanaryRequest,
    DrainAnswer,
    ModelStatus,
    Problem,
    PromoteRequest,
    RollbackRequest,
    ServiceStatus,
    VersionChoice,
)
from service.frontend import http_errors
from service.frontend.http_errors import error_response
from service.status import Condition, ServiceError, service_error
from service.supervisor.operator import Operator

_DESCRIPTION = "What runs, and which versions are to run. Listens on this machine only and asks for no key."
_HOSTS = ("127.0.0.1", "localhost")
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "the request makes no sense"},
    404: {"model": Problem, "description": "no such model, channel or version"},
}


def make_admin_app(operator: Operator) -> FastAPI:
    """The application; all it does is done by `operator`."""
    app = _guarded_app()

    @app.get("/admin/models")
    async def models() -> ServiceStatus:
        """Every model: channels, versions with their workers, rejections, canary."""
        return operator.status()

    @app.post("/admin/models/{model}/check", responses=_PROBLEMS)
    async def check(model: str) -> ModelStatus:
        """Look where the channels point now instead of at the next poll."""
        return await operator.check(model)

    @app.post("/admin/models/{model}/promote", responses=_PROBLEMS)
    async def promote(model: str, request: PromoteRequest) -> VersionChoice:
        """Point a channel at a published version; it serves as soon as it has passed its checks."""
        return await operator.promote(model, request)

    @app.post("/admin/models/{model}/rollback", responses=_PROBLEMS)
    async def rollback(model: str, request: RollbackRequest) -> VersionChoice:
        """Point a channel back at the version that served before."""
        return await operator.rollback(model, request)

    @app.post("/admin/models/{model}/canary", responses=_PROBLEMS)
    async def canary(model: str, request: CanaryRequest) -> ModelStatus:
        """Give the version of a channel a share of the work that names no version; 0 takes it back."""
        return await operator.canary(model, request)

    @app.post("/admin/drain", status_code=202)
    async def drain() -> DrainAnswer:
        """Shut the service down: refuse new work, let the present work end, stop."""
        return operator.drain()

    return app


def _guarded_app() -> FastAPI:
    """Without routes: errors in one form, and nothing for the pages of other sites."""
    app = FastAPI(title="codecd admin", description=_DESCRIPTION, version="1")
    http_errors.install(app)
    app.add_exception_handler(CodecError, _of_library)
    app.add_exception_handler(RequestValidationError, _of_request)
    # A web page that an operator looks at can reach this machine's ports, too.
    app.add_middleware(BaseHTTPMiddleware, dispatch=_refuse_foreign_pages)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)
    return app


async def _refuse_foreign_pages(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Browsers name the page that a request comes from; programs name none."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers["host"]:
        message = f"a page of {origin} may not steer this service; use codecd admin, or its own /docs"
        return error_response(ServiceError(Condition.PERMISSION_DENIED, message))
    return await call_next(request)


async def _of_library(request: Request, error: Exception) -> Response:
    assert isinstance(error, CodecError)
    return error_response(service_error(error))


async def _of_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
    message = f"the request makes no sense: {problems}; see /docs"
    return error_response(ServiceError(Condition.INVALID_ARGUMENT, message))
