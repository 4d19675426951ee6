"""The page `/zk-metrics` in Locust's web UI."""

import functools
import logging
import secrets
from typing import Any

import flask
import jinja2

from zk_metrics.answer import answer
from zk_metrics.monitor import Monitor

logger = logging.getLogger(__name__)


def add_page(web_ui: Any, monitor: Monitor, path: str = "/zk-metrics") -> None:
    """Add the page, and a link to it among the downloads of Locust's own page. To be called before the UI starts."""
    base_path = getattr(web_ui.environment.parsed_options, "web_base_path", None)
    blueprint = flask.Blueprint("zk_metrics", __name__, url_prefix=base_path or None)

    @blueprint.get(path, strict_slashes=False)
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def page() -> flask.Response:
        nonce = secrets.token_urlsafe(16)
        found = flask.Response(
            _template().render(nonce=nonce, data=f"{base_path or ''}{path}/data", home=f"{base_path or ''}/"),
            mimetype="text/html",
        )
        found.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return found

    @blueprint.get(f"{path}/data")
    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def data() -> flask.Response:
        # The request is not read: the parameters say which members are polled.
        return flask.jsonify(answer(monitor, monitor.refresh()))

    @blueprint.after_request
    def keep_nowhere(response: flask.Response) -> flask.Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @blueprint.errorhandler(Exception)
    def failed(error: Exception) -> flask.Response:
        logger.error("The page of the members' metrics has failed", exc_info=error)
        return flask.make_response(flask.jsonify(error="Locust could not answer; its log says why"), 500)

    web_ui.app.register_blueprint(blueprint)
    links = web_ui.template_args.setdefault("extended_csv_files", [])
    links.append({"href": f".{path}", "title": "ZooKeeper metrics (live page)"})


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zk_metrics", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("page.html")
