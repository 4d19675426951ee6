"""The page `/zk-metrics` in Locust's web UI."""

import functools
import logging
import secrets
import time
from typing import Any

import flask
import jinja2

from zk_metrics.member import Member
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


def answer(monitor: Monitor, next_s: float) -> dict[str, Any]:
    """Return the page's data.

    | key | content |
    |---|---|
    | `process` | changes when Locust is restarted; `at_s` then starts from 0 |
    | `collection` | `web`, `interval` or `none` |
    | `interval_s` | seconds between two polls at an interval |
    | `polls` | whether members are polled now |
    | `recording` | whether what is read is written to `zk-metrics.csv` |
    | `problem` | why metrics cannot be read or recorded, for people |
    | `next_s` | seconds until new data |
    | `members` | for each: `name`; `sample`, null before its first poll |

    A sample has `timestamp`, `at_s` (seconds on one clock for all), `age_s`, `poll_ms`, `metrics` (numbers and text),
    and `detail`: why there are no metrics.
    """
    collection = monitor.collection
    return {
        "process": monitor.process,
        "collection": "web" if collection.on_demand else "interval" if collection.interval_s else "none",
        "interval_s": collection.interval_s,
        "polls": monitor.polls,
        "recording": monitor.recording.wanted and not monitor.recording.problem and collection != type(collection)(),
        "problem": monitor.problem,
        "next_s": round(next_s, 3),
        "members": [_member(member) for member in monitor.members],
    }


def _member(member: Member) -> dict[str, Any]:
    sample = member.latest
    if sample is None:
        return {"name": member.name, "sample": None}
    return {
        "name": member.name,
        "sample": {
            "timestamp": sample.answered.isoformat(timespec="milliseconds"),
            "at_s": sample.answered_s,
            "age_s": round(time.perf_counter() - sample.answered_s, 3),
            "poll_ms": sample.poll_ms,
            "metrics": sample.metrics,
            "detail": sample.detail,
        },
    }
